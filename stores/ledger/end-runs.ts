import type { Transaction } from 'kysely';
import { appendAudit } from './audit.ts';
import { NOW, storable } from './database.ts';
import { recordFailure } from './notices.ts';
import type { Runs } from './ports.ts';
import type { StandingOrderRow } from './standing-orders.ts';
import type { AuditAction, AuditEntry, Run, Tables } from './tables.ts';
import { dataOf, oweEvents } from './webhook-events.ts';

type End = Parameters<Runs['end']>[1];

/**
 * Active -> failed or cancelled; no effect once ended.
 *
 * @param order of the run, locked by this transaction
 */
export async function endRun(
  db: Transaction<Tables>,
  run: Run,
  order: StandingOrderRow | undefined,
  { state, failure: { code, message } }: End,
): Promise<void> {
  const stored = { code, message: storable(message) };
  const failure = JSON.stringify(stored);
  const ended = await db
    .updateTable('runs')
    .set({ state, failure, endedAt: NOW, removeAfter: NOW })
    .where('runId', '=', run.runId)
    .where('state', 'in', ['pending', 'running'])
    .returning('endedAt')
    .executeTakeFirst();
  if (!ended) return;
  await auditEnd(db, run, state, { code, message });
  // Whoever waits for an order of its own is told of its cancellation too, as the published contract has it: as a failure.
  if (state === 'failed' || run.standingOrderId === null) {
    const { tenant, runId } = run;
    await oweEvents(db, { type: 'export.failed', tenant, runId, data: { ...dataOf(run), failure: stored } });
  }
  if (state === 'failed' && order?.epoch === run.epoch && ended.endedAt) {
    await recordFailure(db, order, { runId: run.runId, failedAt: ended.endedAt, failure });
  }
}

/** Audits the end of a run: a run of a standing order under its kind, any other as an export. */
export async function auditEnd(
  db: Transaction<Tables>,
  { tenant, runId, kind, standingOrderId }: Run,
  end: 'completed' | End['state'],
  detail: AuditEntry['detail'],
): Promise<void> {
  const action: AuditAction =
    standingOrderId === null ? `export.${end}` : `${kind}.${end === 'completed' ? 'published' : end}`;
  await appendAudit(db, { tenant, actor: 'waybill', action, runId, detail });
}
