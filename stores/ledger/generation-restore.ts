import type { Database } from './database.ts';
import type { PeriodicLedger } from './periodic.ts';
import { lockOrMakeSettings } from './periodic-settings.ts';

/** What the settings' recipient does not open is older than anything the settings still know. */
const FOREIGN_EPOCH = 0;

export function generationRestore(database: Database): Pick<PeriodicLedger, 'restoreGeneration'> {
  return {
    restoreGeneration: ({ tenant, generationId, recipient, createdAt, ...found }) =>
      database.transaction(async (db) => {
        const settings = await lockOrMakeSettings(db, { tenant, recipient, epoch: 1, version: 1 });
        const ours = settings.recipient === recipient;
        const current = ours && settings.generation_id === null;
        const row = await db
          .insertInto('generations')
          .values({
            generation_id: generationId,
            tenant,
            workflow_id: found.workflowId,
            epoch: ours ? settings.epoch : FOREIGN_EPOCH,
            state: current ? 'published' : 'superseded',
            started_at: new Date(found.snapshotAt),
            ended_at: createdAt,
            snapshot_at: found.snapshotAt,
            files: found.files,
            rows: found.rows,
            bytes: found.bytes,
            manifest_sha256: found.manifestSha256,
          })
          .onConflict((conflict) => conflict.column('generation_id').doNothing())
          .returning('generation_id')
          .executeTakeFirst();
        if (!row) return false;
        if (current) {
          await db
            .updateTable('periodic_exports')
            .set({ generation_id: generationId })
            .where('tenant', '=', tenant)
            .execute();
        }
        return true;
      }),
  };
}
