import { sql, type Transaction } from 'kysely';
import { FAILURES, type Failure } from '../../contracts/failures.ts';
import { isRunId } from '../../contracts/job-id.ts';
import { appendAudit } from './audit.ts';
import type { Database } from './database.ts';
import { supersedeCurrent } from './generation-lists.ts';
import { leaveNotice } from './notices.ts';
import type { PeriodicLedger } from './periodic.ts';
import { lockSettings, type SettingsRow, settingsOf } from './periodic-settings.ts';
import type { Tables } from './schema.ts';
import { storable } from './trouble.ts';

type Generations = Pick<
  PeriodicLedger,
  'beginGeneration' | 'publishGeneration' | 'endGeneration' | 'recordGenerationRemoval'
>;
type End = Parameters<PeriodicLedger['endGeneration']>[1];

const REPLACED: Failure = { code: 'replaced', message: `${FAILURES.replaced.title}. ${FAILURES.replaced.advice}` };

export function generations(database: Database): Generations {
  return {
    beginGeneration: ({ tenant, generationId, workflowId, startedAt }) =>
      database.transaction(async (db) => {
        const settings = await lockSettings(db, tenant);
        if (!settings) return undefined;
        const on = settings.enabled && (await isLetIn(db, tenant));
        if (on) {
          await db
            .insertInto('generations')
            .values({
              generation_id: generationId,
              tenant,
              workflow_id: workflowId,
              epoch: settings.epoch,
              started_at: startedAt,
            })
            .onConflict((conflict) => conflict.column('generation_id').doNothing())
            .execute();
        }
        const run = await findRun(db, tenant, generationId);
        if (run?.state !== 'running') return undefined;
        if (on && run.epoch === settings.epoch) return settingsOf(settings);
        // Begun before, but its answer was lost and the settings have moved since: it is told to do nothing, so nobody
        // else would end it.
        await endRun(db, settings, generationId, { state: 'cancelled', failure: REPLACED });
        return undefined;
      }),

    publishGeneration: ({ tenant, generationId, epoch, snapshotAt, files, rows, bytes, manifestSha256 }) =>
      database.transaction(async (db) => {
        const settings = await lockSettings(db, tenant);
        const run = settings && (await findRun(db, tenant, generationId));
        if (!settings || !run) return { refused: true };
        if (run.snapshot_at !== null) return { previous: run.previous_id };
        const current = settings.enabled && epoch === settings.epoch && run.epoch === settings.epoch;
        if (run.state !== 'running' || !current) return { refused: true };

        await supersedeCurrent(db, tenant);
        await db
          .updateTable('generations')
          .set({
            state: 'published',
            ended_at: sql<Date>`now()`,
            snapshot_at: snapshotAt,
            files,
            rows,
            bytes,
            manifest_sha256: manifestSha256,
            previous_id: settings.generation_id,
          })
          .where('generation_id', '=', generationId)
          .execute();
        await db
          .updateTable('periodic_exports')
          .set({ generation_id: generationId, failing_since: null })
          .where('tenant', '=', tenant)
          .execute();
        if (settings.failing_since !== null) {
          const { failing_since: failingSince } = settings;
          await leaveNotice(db, { tenant, kind: 'recovered', generationId, failingSince, failure: null });
        }
        await appendAudit(db, {
          tenant,
          actor: 'waybill',
          action: 'periodic.published',
          exportId: generationId,
          detail: { files, rows, bytes },
        });
        return { previous: settings.generation_id };
      }),

    async endGeneration(generationId, end) {
      await database.transaction(async (db) => {
        const run = await db
          .selectFrom('generations')
          .select('tenant')
          .where('generation_id', '=', generationId)
          .executeTakeFirst();
        const settings = run && (await lockSettings(db, run.tenant));
        if (settings) await endRun(db, settings, generationId, end);
      });
    },

    /** One statement and no lock: from the states that it leaves, nothing else leads away. */
    async recordGenerationRemoval(generationId) {
      if (!isRunId(generationId)) return;
      await database.query((db) =>
        db
          .updateTable('generations')
          .set((eb) => ({
            state: eb
              .case()
              .when('state', '=', 'superseded')
              .then('removed' as const)
              .else(eb.ref('state'))
              .end(),
            removed_at: sql<Date>`now()`,
          }))
          .where('generation_id', '=', generationId)
          .where('state', 'in', ['superseded', 'failed', 'cancelled'])
          .where('removed_at', 'is', null)
          .execute(),
      );
    },
  };
}

async function isLetIn(db: Transaction<Tables>, tenant: string): Promise<boolean> {
  const row = await db
    .selectFrom('tenants')
    .select('key')
    .where('key', '=', tenant)
    .where('disabled_at', 'is', null)
    .executeTakeFirst();
  return row !== undefined;
}

function findRun(db: Transaction<Tables>, tenant: string, generationId: string) {
  return db
    .selectFrom('generations')
    .select(['state', 'epoch', 'snapshot_at', 'previous_id'])
    .where('generation_id', '=', generationId)
    .where('tenant', '=', tenant)
    .executeTakeFirst();
}

/** @param settings of the run's tenant, locked by this transaction */
async function endRun(
  db: Transaction<Tables>,
  settings: SettingsRow,
  generationId: string,
  { state, failure }: End,
): Promise<void> {
  const ended = await db
    .updateTable('generations')
    .set({
      state,
      failure_code: failure.code,
      failure_message: storable(failure.message),
      ended_at: sql<Date>`now()`,
    })
    .where('generation_id', '=', generationId)
    .where('state', '=', 'running')
    .returning(['epoch', sql<Date>`ended_at`.as('ended_at')])
    .executeTakeFirst();
  if (!ended) return;
  const { tenant } = settings;
  await appendAudit(db, {
    tenant,
    actor: 'waybill',
    action: state === 'failed' ? 'periodic.failed' : 'periodic.cancelled',
    exportId: generationId,
    detail: { code: failure.code, message: failure.message },
  });
  const first = state === 'failed' && ended.epoch === settings.epoch && settings.failing_since === null;
  if (!first) return;
  const failingSince = ended.ended_at;
  await db.updateTable('periodic_exports').set({ failing_since: failingSince }).where('tenant', '=', tenant).execute();
  await leaveNotice(db, { tenant, kind: 'failed', generationId, failingSince, failure });
}
