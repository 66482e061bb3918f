import { sql, type Transaction, type Updateable } from 'kysely';
import { WaybillError } from '../../contracts/failures.ts';
import { appendAudit } from './audit.ts';
import type { Database } from './database.ts';
import { listOutdated, supersedeCurrent } from './generation-lists.ts';
import type { AuditAction, AuditEntry } from './ledger.ts';
import type { PeriodicLedger } from './periodic.ts';
import { lockOrMakeSettings, lockSettings, type SettingsRow, settingsOf } from './periodic-settings.ts';
import type { PeriodicExportsTable, Tables } from './schema.ts';

type Changes = Pick<PeriodicLedger, 'enablePeriodic' | 'disablePeriodic' | 'deletePeriodic' | 'rotatePeriodic'>;

export function periodicChanges(database: Database): Changes {
  return {
    enablePeriodic: ({ tenant, recipient, ownRecipient, runTime, actor }) =>
      database.transaction(async (db) => {
        const row = await lockOrMakeSettings(db, { tenant, epoch: 0, version: 0 });
        if (row.enabled) return { outcome: 'already', settings: settingsOf(row) };
        if (row.recipient !== null && ownRecipient && recipient !== row.recipient) {
          return { outcome: 'kept', settings: settingsOf(row) };
        }
        const times = runTime && { run_at: runTime.at, time_zone: runTime.timeZone };
        if (row.recipient !== null) {
          const resumed = await change(db, row, { ...times, enabled: true });
          await auditChange(db, resumed, 'periodic.resumed', actor);
          return { outcome: 'resumed', settings: settingsOf(resumed) };
        }
        const enabled = await change(db, row, {
          ...times,
          ...sealedTo(row, { recipient, ownRecipient }),
          enabled: true,
        });
        await auditChange(db, enabled, 'periodic.enabled', actor, { ownRecipient });
        return { outcome: 'enabled', settings: settingsOf(enabled) };
      }),

    disablePeriodic: (tenant, epoch, actor) =>
      database.transaction(async (db) => {
        const row = await lockSettings(db, tenant);
        if (!row?.enabled || !isOf(row, epoch)) return row && settingsOf(row);
        const disabled = await change(db, row, { enabled: false });
        await auditChange(db, disabled, 'periodic.disabled', actor);
        return settingsOf(disabled);
      }),

    deletePeriodic: (tenant, epoch, actor) =>
      database.transaction(async (db) => {
        const row = await lockSettings(db, tenant);
        if (!row) return [];
        // Settings that are already of a later epoch stay, and so do the generations of that epoch.
        if (row.recipient === null || !isOf(row, epoch)) return listOutdated(db, tenant, row.epoch);
        await supersedeCurrent(db, tenant);
        const forgotten = { ...sealedTo(row, { recipient: null, ownRecipient: false }), enabled: false };
        const deleted = await change(db, row, { ...forgotten, run_at: null, time_zone: null, failing_since: null });
        await auditChange(db, deleted, 'periodic.deleted', actor);
        return listOutdated(db, tenant, deleted.epoch);
      }),

    rotatePeriodic: ({ tenant, recipient, ownRecipient, actor }) =>
      database.transaction(async (db) => {
        const row = await lockSettings(db, tenant);
        if (!row?.enabled) throw new WaybillError('not_enabled');
        await supersedeCurrent(db, tenant);
        const rotated = await change(db, row, sealedTo(row, { recipient, ownRecipient }));
        await auditChange(db, rotated, 'periodic.rotated', actor, { ownRecipient });
        return { settings: settingsOf(rotated), outdated: await listOutdated(db, tenant, rotated.epoch) };
      }),
  };
}

function isOf(row: SettingsRow, epoch: number | null): boolean {
  return epoch === null || epoch === row.epoch;
}

/** Another recipient, or none, begins another epoch, which has no generation yet. */
function sealedTo(row: SettingsRow, to: { readonly recipient: string | null; readonly ownRecipient: boolean }) {
  return {
    recipient: to.recipient,
    own_recipient: to.ownRecipient,
    epoch: row.epoch + 1,
    generation_id: null,
  } satisfies Updateable<PeriodicExportsTable>;
}

async function change(db: Transaction<Tables>, row: SettingsRow, to: Updateable<PeriodicExportsTable>) {
  return db
    .updateTable('periodic_exports')
    .set({ ...to, version: row.version + 1, changed_at: sql<Date>`now()` })
    .where('tenant', '=', row.tenant)
    .returningAll()
    .executeTakeFirstOrThrow();
}

async function auditChange(
  db: Transaction<Tables>,
  { tenant, epoch }: SettingsRow,
  action: AuditAction,
  actor: string,
  detail: AuditEntry['detail'] = {},
): Promise<void> {
  await appendAudit(db, { tenant, actor, action, exportId: null, detail: { epoch, ...detail } });
}
