import { type Insertable, type Kysely, type Selectable, sql, type Transaction, type Updateable } from 'kysely';
import { WaybillError } from '../../contracts/failures.ts';
import type { ExportKind } from '../../contracts/run.ts';
import { appendAudit } from './audit.ts';
import { type Database, NOW, storable } from './database.ts';
import type { StandingOrders } from './ports.ts';
import type { Run, StandingOrder, StandingOrdersTable, Tables } from './tables.ts';

export type StandingOrderRow = Selectable<StandingOrdersTable>;

export function standingOrders(database: Database): StandingOrders {
  return {
    find: (tenant, kind) => database.query((db) => findStandingOrder(db, storable(tenant), kind)),

    listEnabled: (kind) =>
      database.query((db) =>
        withCurrentRun(db).where('kind', '=', kind).where('enabled', '=', true).orderBy('tenant').execute(),
      ),

    listUnsynced: (kind, changedBefore) =>
      database.query((db) =>
        withCurrentRun(db)
          .where('kind', '=', kind)
          .where(sql<boolean>`synced_version is distinct from version`)
          .where('changedAt', '<', changedBefore)
          .orderBy('tenant')
          .execute(),
      ),

    recordSynced: async ({ tenant, kind }, version) => {
      await database.query((db) =>
        db
          .updateTable('standingOrders')
          .set({ syncedVersion: version })
          .where('tenant', '=', tenant)
          .where('kind', '=', kind)
          .execute(),
      );
    },

    put: ({ tenant, kind, recipient, ownRecipient, recurrence, actor }) =>
      database.transaction(async (db) => {
        const order = await makeStandingOrder(db, { tenant, kind, epoch: 0, version: 0 });
        const resumes = order.recipient !== null;
        if (order.enabled) return { outcome: 'already', standingOrder: await refreshed(db, order) };
        if (resumes && ownRecipient && recipient !== order.recipient) {
          return { outcome: 'kept', standingOrder: await refreshed(db, order) };
        }
        await change(db, order, {
          enabled: true,
          ...(recurrence && { recurrence: JSON.stringify(recurrence) }),
          ...(resumes ? {} : sealedTo(order, { recipient, ownRecipient })),
        });
        const standingOrder = await refreshed(db, order);
        const { epoch } = standingOrder;
        const entry = resumes
          ? ({ action: `${kind}.resumed`, detail: { epoch } } as const)
          : ({ action: `${kind}.enabled`, detail: { epoch, ownRecipient } } as const);
        await appendAudit(db, { tenant, actor, ...entry });
        return { outcome: resumes ? 'resumed' : 'enabled', standingOrder };
      }),

    disable: ({ tenant, kind }, actor, onlyEpoch) =>
      database.transaction(async (db) => {
        const order = await lockStandingOrder(db, tenant, kind);
        if (!order) return undefined;
        if (order.enabled && isOf(order, onlyEpoch)) {
          await change(db, order, { enabled: false });
          await appendAudit(db, { tenant, actor, action: `${kind}.disabled`, detail: { epoch: order.epoch } });
        }
        return refreshed(db, order);
      }),

    rotate: ({ tenant, kind, recipient, ownRecipient, actor }) =>
      database.transaction(async (db) => {
        const order = await lockStandingOrder(db, tenant, kind);
        if (!order?.enabled) throw new WaybillError('not_enabled');
        await clearCurrent(db, order);
        const rotated = sealedTo(order, { recipient, ownRecipient });
        await change(db, order, rotated);
        const { epoch } = rotated;
        await appendAudit(db, { tenant, actor, action: `${kind}.rotated`, detail: { epoch, ownRecipient } });
        return listOutdated(db, order, epoch);
      }),

    forget: ({ tenant, kind }, actor, onlyEpoch) =>
      database.transaction(async (db) => {
        const order = await lockStandingOrder(db, tenant, kind);
        if (!order) return [];
        // A standing order of a later epoch is left alone, and so are its runs.
        if (order.recipient === null || !isOf(order, onlyEpoch)) return listOutdated(db, order, order.epoch);
        await clearCurrent(db, order);
        const forgotten = sealedTo(order, { recipient: null, ownRecipient: false });
        await change(db, order, { ...forgotten, enabled: false, recurrence: null, failingSince: null });
        const { epoch } = forgotten;
        await appendAudit(db, { tenant, actor, action: `${kind}.deleted`, detail: { epoch } });
        return listOutdated(db, order, epoch);
      }),
  };
}

/** Reads the standing order and its current run in one statement, so that they are consistent. */
export function findStandingOrder(
  db: Kysely<Tables>,
  tenant: string,
  kind: ExportKind,
): Promise<StandingOrder | undefined> {
  return withCurrentRun(db).where('tenant', '=', tenant).where('kind', '=', kind).executeTakeFirst();
}

function withCurrentRun(db: Kysely<Tables>) {
  return db
    .selectFrom('standingOrders')
    .selectAll()
    .select((eb) =>
      eb
        .selectFrom('runs')
        .select('runId')
        .whereRef('runs.tenant', '=', 'standingOrders.tenant')
        .whereRef('runs.standingOrderId', '=', 'standingOrders.standingOrderId')
        .where('current', '=', true)
        // A run of changes is current for its day.
        .orderBy('requestedAt', 'desc')
        .orderBy('number', 'desc')
        .limit(1)
        .as('currentRunId'),
    );
}

/** Locks the standing order until the transaction ends. Every change of it or of one of its runs does this first. */
export function lockStandingOrder(
  db: Transaction<Tables>,
  tenant: string,
  kind: ExportKind,
): Promise<StandingOrderRow | undefined> {
  return db
    .selectFrom('standingOrders')
    .selectAll()
    .where('tenant', '=', storable(tenant))
    .where('kind', '=', kind)
    .forUpdate()
    .executeTakeFirst();
}

/** The same, but creates a missing one first; safe for concurrent callers. */
export async function makeStandingOrder(
  db: Transaction<Tables>,
  made: Insertable<StandingOrdersTable>,
): Promise<StandingOrderRow> {
  await db
    .insertInto('standingOrders')
    .values(made)
    .onConflict((conflict) => conflict.columns(['tenant', 'kind']).doNothing())
    .execute();
  const order = await lockStandingOrder(db, made.tenant, made.kind);
  if (!order) throw new TypeError('a standing order was deleted');
  return order;
}

async function refreshed(db: Transaction<Tables>, { tenant, kind }: StandingOrderRow): Promise<StandingOrder> {
  const order = await findStandingOrder(db, tenant, kind);
  if (!order) throw new TypeError('a standing order was deleted');
  return order;
}

function isOf({ epoch }: StandingOrderRow, onlyEpoch: number | undefined): boolean {
  return onlyEpoch === undefined || onlyEpoch === epoch;
}

/** Changing or removing the recipient starts a new epoch, which has no current run yet. */
function sealedTo(
  { epoch }: StandingOrderRow,
  to: { readonly recipient: string | null; readonly ownRecipient: boolean },
): Pick<StandingOrderRow, 'recipient' | 'ownRecipient' | 'epoch'> {
  return { ...to, epoch: epoch + 1 };
}

async function change(
  db: Transaction<Tables>,
  { standingOrderId, version }: StandingOrderRow,
  to: Updateable<StandingOrdersTable>,
): Promise<void> {
  await db
    .updateTable('standingOrders')
    .set({ ...to, version: version + 1, changedAt: NOW })
    .where('standingOrderId', '=', standingOrderId)
    .execute();
}

/** Downloads no longer use the run that was current; its objects may be removed at once. */
async function clearCurrent(db: Transaction<Tables>, { tenant, standingOrderId }: StandingOrderRow): Promise<void> {
  await db
    .updateTable('runs')
    .set({ current: false, removeAfter: NOW })
    .where('tenant', '=', tenant)
    .where('standingOrderId', '=', standingOrderId)
    .where('current', '=', true)
    .execute();
}

function listOutdated(
  db: Transaction<Tables>,
  { standingOrderId }: StandingOrderRow,
  epoch: number,
): Promise<readonly Run[]> {
  return db
    .selectFrom('runs')
    .selectAll()
    .where('standingOrderId', '=', standingOrderId)
    .where('epoch', '<', epoch)
    .where('removedAt', 'is', null)
    .orderBy('requestedAt')
    .execute();
}
