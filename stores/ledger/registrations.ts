import type { Transaction } from 'kysely';
import { appendAudit } from './audit.ts';
import { coverage } from './coverage.ts';
import { type Database, NOW } from './database.ts';
import type { Registration, Registrations } from './ports.ts';
import { lockStandingOrder, makeStandingOrder, type StandingOrderRow } from './standing-orders.ts';
import type { Tables } from './tables.ts';

/** Registered datasets of standing orders that export changes. */
export function registrations(database: Database): Registrations {
  return {
    coverage: coverage(database),

    register: (registration) => database.transaction((db) => register(db, registration)),

    list: ({ tenant, kind }) =>
      database.query((db) =>
        db
          .selectFrom('standingFiles')
          .innerJoin('standingOrders', 'standingOrders.standingOrderId', 'standingFiles.standingOrderId')
          .selectAll('standingFiles')
          .where('tenant', '=', tenant)
          .where('kind', '=', kind)
          .orderBy('dataset')
          .execute(),
      ),

    requestFullLoad: ({ tenant, kind, datasets, startsFrom, actor }) =>
      database.transaction(async (db) => {
        const order = await lockStandingOrder(db, tenant, kind);
        if (!order) return;
        await db
          .updateTable('standingFiles')
          .set({ fullLoadAt: NOW, changedAt: NOW, ...(startsFrom !== undefined && { startsFrom }) })
          .where('standingOrderId', '=', order.standingOrderId)
          .where('dataset', 'in', datasets)
          .where('active', '=', true)
          .execute();
        await appendAudit(db, { tenant, actor, action: `${kind}.full_load`, detail: { datasets: datasets.join(' ') } });
      }),

    acceptSchema: ({ tenant, kind, dataset }, load) =>
      database.transaction(async (db) => {
        const order = await lockStandingOrder(db, tenant, kind);
        if (!order) return false;
        const accepted = await db
          .updateTable('standingFiles')
          .set({ held: null, columns: null, changedAt: NOW, ...(load === 'complete' && { fullLoadAt: NOW }) })
          .where('standingOrderId', '=', order.standingOrderId)
          .where('dataset', '=', dataset)
          .where('held', 'is not', null)
          .returning('dataset')
          .executeTakeFirst();
        if (!accepted) return false;
        const detail = { dataset, load };
        await appendAudit(db, { tenant, actor: 'operator', action: `${kind}.schema_accepted`, detail });
        return true;
      }),

    filesOf: async (runIds) =>
      runIds.length === 0
        ? []
        : database.query((db) =>
            db
              .selectFrom('runFiles')
              .selectAll()
              .where('runId', 'in', runIds)
              .orderBy('runId')
              .orderBy('dataset')
              .execute(),
          ),
  };
}

async function register(
  db: Transaction<Tables>,
  { tenant, kind, datasets, recurrence, startsFrom, actor }: Registration,
): Promise<void> {
  const order = await makeStandingOrder(db, { tenant, kind, epoch: 0, version: 0 });
  const { standingOrderId } = order;
  const enabled = datasets.length > 0;
  await db
    .updateTable('standingOrders')
    .set({
      enabled,
      version: order.version + 1,
      changedAt: NOW,
      ...(enabled && { recurrence: JSON.stringify(recurrence) }),
    })
    .where('standingOrderId', '=', standingOrderId)
    .execute();
  await db
    .updateTable('standingFiles')
    .set({ active: false, changedAt: NOW })
    .where('standingOrderId', '=', standingOrderId)
    .where('active', '=', true)
    .$if(enabled, (query) => query.where('dataset', 'not in', datasets))
    .execute();
  if (enabled) await activate(db, order, datasets, startsFrom);
  const detail = { datasets: datasets.length, frequency: recurrence.frequency ?? null };
  const action = enabled ? (`${kind}.registered` as const) : (`${kind}.disabled` as const);
  await appendAudit(db, { tenant, actor, action, detail });
}

/** A dataset that was active stays as it is; any other one starts anew. */
async function activate(
  db: Transaction<Tables>,
  { standingOrderId }: StandingOrderRow,
  datasets: readonly string[],
  startsFrom: Registration['startsFrom'],
): Promise<void> {
  const rows = datasets.map((dataset) => ({ standingOrderId, dataset, active: true, startsFrom }));
  await db
    .insertInto('standingFiles')
    .values(rows)
    .onConflict((conflict) =>
      conflict
        .columns(['standingOrderId', 'dataset'])
        .doUpdateSet((eb) => ({
          active: true,
          generation: eb('standingFiles.generation', '+', 1),
          startsFrom,
          columns: null,
          // The watermark stays, so that the complete load reaches at least as far as what was delivered before.
          fullLoadAt: NOW,
          held: null,
          failure: null,
          registeredAt: NOW,
          changedAt: NOW,
        }))
        .where('standingFiles.active', '=', false),
    )
    .execute();
}
