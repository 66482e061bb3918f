import type { Selectable, Transaction } from 'kysely';
import { isRunId } from '../../contracts/job-id.ts';
import type { Database } from './database.ts';
import type { Generation, PeriodicLedger } from './periodic.ts';
import type { GenerationsTable, Tables } from './schema.ts';
import { storable } from './trouble.ts';

export function generationLists(database: Database): Pick<PeriodicLedger, 'findGeneration' | 'listGenerations'> {
  return {
    async findGeneration(generationId) {
      if (!isRunId(generationId)) return undefined;
      const row = await database.query((db) =>
        db.selectFrom('generations').selectAll().where('generation_id', '=', generationId).executeTakeFirst(),
      );
      return row && generationOf(row);
    },

    async listGenerations(tenant, limit) {
      const rows = await database.query((db) =>
        db
          .selectFrom('generations')
          .selectAll()
          .where('tenant', '=', storable(tenant))
          .orderBy('started_at', 'desc')
          .orderBy('generation_id', 'desc')
          .limit(limit)
          .execute(),
      );
      return rows.map(generationOf);
    },
  };
}

/** Those of epochs before this one whose objects nobody has recorded as removed, oldest first. */
export async function listOutdated(
  db: Transaction<Tables>,
  tenant: string,
  epoch: number,
): Promise<readonly Generation[]> {
  const rows = await db
    .selectFrom('generations')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('epoch', '<', epoch)
    .where('removed_at', 'is', null)
    .orderBy('started_at')
    .execute();
  return rows.map(generationOf);
}

/** Only what is current is published, so whoever takes it from the settings calls this too. */
export async function supersedeCurrent(db: Transaction<Tables>, tenant: string): Promise<void> {
  await db
    .updateTable('generations')
    .set({ state: 'superseded' })
    .where('tenant', '=', tenant)
    .where('state', '=', 'published')
    .execute();
}

function generationOf(row: Selectable<GenerationsTable>): Generation {
  return {
    generationId: row.generation_id,
    tenant: row.tenant,
    workflowId: row.workflow_id,
    epoch: row.epoch,
    state: row.state,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    snapshotAt: row.snapshot_at,
    files: row.files,
    rows: row.rows,
    bytes: row.bytes,
    manifestSha256: row.manifest_sha256,
    failure:
      row.failure_code === null ? null : { code: row.failure_code, message: row.failure_message ?? row.failure_code },
  };
}
