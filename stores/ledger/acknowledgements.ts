import { sql } from 'kysely';
import { isRunId } from '../../contracts/job-id.ts';
import { appendAudit } from './audit.ts';
import { type Database, storable } from './database.ts';
import { leaveNotice } from './notices.ts';
import type { Runs } from './ports.ts';

/** What tenants say they have received. */
export function acknowledgements(database: Database): Pick<Runs, 'acknowledge' | 'oweMissingAcknowledgements'> {
  return {
    async acknowledge(runId, { acknowledgement, actor }) {
      if (!isRunId(runId)) return false;
      return database.transaction(async (db) => {
        const run = await db
          .updateTable('runs')
          .set({ acknowledgement: JSON.stringify(acknowledgement) })
          .where('runId', '=', runId)
          .where('state', '=', 'completed')
          .returning(['tenant', 'kind'])
          .executeTakeFirst();
        if (!run) return false;
        const { tenant, kind } = run;
        const { matched, entities, differences } = acknowledgement;
        const detail = { matched, entities };
        await appendAudit(db, { tenant, actor, action: `${kind}.acknowledged`, runId, detail });
        if (matched) return true;
        const message = storable(differences.map((difference) => difference.message).join(' '));
        const failure = JSON.stringify({ code: 'ack_mismatch', message });
        await leaveNotice(db, { tenant, kind: 'ack_mismatch', runId, failingSince: new Date(), failure });
        return true;
      });
    },

    // Whoever chooses a deadline now is not reminded of earlier runs.
    oweMissingAcknowledgements: (now) =>
      database.query(async (db) => {
        const { rows } = await sql<{ tenant: string }>`
          insert into notices (tenant, kind, run_id, failing_since)
          select r.tenant, 'ack_missing', r.run_id, r.ended_at
          from runs r join standing_orders o using (standing_order_id)
          where r.kind = 'recurring' and r.current and r.acknowledgement is null and o.enabled
            and r.ended_at >= o.changed_at
            and r.ended_at + make_interval(hours => (o.recurrence ->> 'ackHours')::int) <= ${now}
          on conflict (run_id, kind) do nothing
          returning tenant`.execute(db);
        return rows.length;
      }),
  };
}
