import type { Kysely, Transaction } from 'kysely';
import { isRunId } from '../../contracts/job-id.ts';
import { appendAudit } from './audit.ts';
import { type Database, NOW, storable } from './database.ts';
import { leaveNotice } from './notices.ts';
import type { Deliveries, Delivery, DeliveryEnd, Run } from './ports.ts';
import type { Tables } from './tables.ts';

/** Owes the tenant of a run a delivery, if it has a destination. */
export async function addDelivery(db: Transaction<Tables>, { runId, tenant }: Run): Promise<void> {
  await db
    .insertInto('deliveries')
    .columns(['runId', 'destinationVersion'])
    .expression((eb) =>
      eb
        .selectFrom('destinations')
        .select(({ val }) => [val(runId).$castTo<string>().as('runId'), 'version'])
        .where('tenant', '=', tenant),
    )
    .execute();
}

export function deliveries(database: Database): Deliveries {
  return {
    async find(runId) {
      if (!isRunId(runId)) return undefined;
      const [found] = await database.query((db) => select(db).where('deliveries.runId', '=', runId).execute());
      return found && toDelivery(found);
    },

    async last(tenant) {
      const [found] = await database.query((db) =>
        select(db)
          .where('tenant', '=', storable(tenant))
          .orderBy('runs.requestedAt', 'desc')
          .orderBy('runs.runId', 'desc')
          .limit(1)
          .execute(),
      );
      return found && toDelivery(found);
    },

    async listOlder({ runId, run, createdAt }) {
      const found = await database.query((db) =>
        select(db)
          .where('tenant', '=', run.tenant)
          .where('series', '=', run.series)
          .where('deliveries.state', '=', 'pending')
          .where('deliveries.runId', '<>', runId)
          .where('deliveries.createdAt', '<=', createdAt)
          .execute(),
      );
      return found.map(toDelivery);
    },

    async recordAttempt(runId, destinationVersion) {
      await database.query((db) =>
        db
          .updateTable('deliveries')
          .set((eb) => ({ attempts: eb('attempts', '+', 1), destinationVersion }))
          .where('runId', '=', runId)
          .where('state', '=', 'pending')
          .execute(),
      );
    },

    end: (runId, end) => database.transaction((db) => endDelivery(db, runId, end)),

    async listPending(createdBefore, limit) {
      const found = await database.query((db) =>
        select(db)
          .where('deliveries.state', '=', 'pending')
          .where('deliveries.createdAt', '<', createdBefore)
          .orderBy('deliveries.createdAt')
          .limit(limit)
          .execute(),
      );
      return found.map(toDelivery);
    },
  };
}

async function endDelivery(db: Transaction<Tables>, runId: string, end: DeliveryEnd): Promise<void> {
  const run = await db.selectFrom('runs').select('tenant').where('runId', '=', runId).executeTakeFirst();
  if (!run) return;
  const { tenant } = run;
  // First, so that two deliveries which end at once agree on whether the destination is failing.
  const destination = await db
    .selectFrom('destinations')
    .select('failingSince')
    .where('tenant', '=', tenant)
    .forUpdate()
    .executeTakeFirst();
  const failure = end.state === 'failed' ? JSON.stringify(storableFailure(end)) : null;
  const ended = await db
    .updateTable('deliveries')
    .set({ state: end.state, endedAt: NOW, failure })
    .where('runId', '=', runId)
    .where('state', '=', 'pending')
    .returning(['attempts', 'createdAt'])
    .executeTakeFirst();
  if (!ended) return;
  const detail = { attempts: ended.attempts, ...(end.state === 'failed' && { code: end.failure.code }) };
  await appendAudit(db, { tenant, actor: 'waybill', action: `delivery.${end.state}`, runId, detail });
  if (!destination) return;
  const { failingSince } = destination;
  if (end.state === 'failed' && failingSince === null) {
    await setFailingSince(db, tenant, ended.createdAt);
    await leaveNotice(db, { tenant, kind: 'push_failed', runId, failingSince: ended.createdAt, failure });
  } else if (end.state === 'delivered' && failingSince !== null) {
    await setFailingSince(db, tenant, null);
    await leaveNotice(db, { tenant, kind: 'push_recovered', runId, failingSince });
  }
}

function storableFailure({ failure: { code, message } }: Extract<DeliveryEnd, { readonly state: 'failed' }>) {
  return { code, message: storable(message) };
}

async function setFailingSince(db: Transaction<Tables>, tenant: string, failingSince: Date | null): Promise<void> {
  await db.updateTable('destinations').set({ failingSince }).where('tenant', '=', tenant).execute();
}

/** Columns of both tables have the same names, so those of the delivery get others. */
function select(db: Kysely<Tables>) {
  return db
    .selectFrom('deliveries')
    .innerJoin('runs', 'runs.runId', 'deliveries.runId')
    .selectAll('runs')
    .select([
      'deliveries.destinationVersion',
      'deliveries.attempts',
      'deliveries.createdAt',
      'deliveries.state as deliveryState',
      'deliveries.endedAt as deliveryEndedAt',
      'deliveries.failure as deliveryFailure',
    ]);
}

type Selected = Awaited<ReturnType<ReturnType<typeof select>['execute']>>[number];

function toDelivery({
  destinationVersion,
  attempts,
  createdAt,
  deliveryState: state,
  deliveryEndedAt: endedAt,
  deliveryFailure: failure,
  ...run
}: Selected): Delivery {
  return { runId: run.runId, destinationVersion, attempts, createdAt, state, endedAt, failure, run };
}
