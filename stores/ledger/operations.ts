import { sql } from 'kysely';
import type { Database } from './database.ts';
import type { EndedRuns, Operations, StandingHealth } from './ports.ts';

/** Written into the statements, so that PostgreSQL uses the indexes of these states. */
const ACTIVE = sql<'pending' | 'running'>`('pending', 'running')`;

export function operations(database: Database): Operations {
  return {
    async active(limit) {
      const [runs, counts] = await Promise.all([
        database.query((db) =>
          db
            .selectFrom('runs')
            .selectAll()
            .where('state', 'in', ACTIVE)
            .where('state', '=', 'running')
            .orderBy('requestedAt')
            .limit(limit)
            .execute(),
        ),
        database.query((db) =>
          db
            .selectFrom('runs')
            .select((eb) => ['state', eb.fn.countAll<number>().as('runs')])
            .where('state', 'in', ACTIVE)
            .groupBy('state')
            .execute(),
        ),
      ]);
      const count = (wanted: string) => counts.find(({ state }) => state === wanted)?.runs ?? 0;
      return { runs, running: count('running'), waiting: count('pending') };
    },

    async endedSince(since) {
      const rows = await database.query((db) =>
        db
          .selectFrom('runs')
          .select((eb) => ['tenant', 'kind', 'state', eb.fn.countAll<number>().as('runs')])
          .select((eb) => eb.fn.max('endedAt').as('lastAt'))
          .where('endedAt', '>=', since)
          .groupBy(['tenant', 'kind', 'state'])
          .execute(),
      );
      return rows.map(
        ({ state, lastAt, ...row }): EndedRuns => ({
          ...row,
          state: state === 'failed' || state === 'cancelled' ? state : 'completed',
          lastAt: lastAt ?? since,
        }),
      );
    },

    async failuresSince(since) {
      const code = sql<string>`failure ->> 'code'`;
      const rows = await database.query((db) =>
        db
          .selectFrom('runs')
          .select((eb) => [code.as('code'), eb.fn.countAll<number>().as('runs'), eb.fn.max('endedAt').as('lastAt')])
          .where('state', '=', sql<'failed'>`'failed'`)
          .where('endedAt', '>=', since)
          .groupBy(code)
          .orderBy('runs', 'desc')
          .orderBy('code')
          .execute(),
      );
      return rows.map(({ lastAt, ...row }) => ({ ...row, lastAt: lastAt ?? since }));
    },

    failedSince: (since, { code }, limit) =>
      database.query((db) =>
        db
          .selectFrom('runs')
          .selectAll()
          .where('state', '=', sql<'failed'>`'failed'`)
          .where('endedAt', '>=', since)
          .$if(code !== undefined, (query) => query.where(sql<string>`failure ->> 'code'`, '=', code ?? ''))
          .orderBy('endedAt', 'desc')
          .limit(limit)
          .execute(),
      ),

    async storedByTenant() {
      const rows = await database.query((db) =>
        db
          .selectFrom('runs')
          .select((eb) => ['tenant', eb.fn.countAll<number>().as('runs')])
          // A sum of bigint is numeric, which has no number.
          .select(sql<number>`sum(bytes)::bigint`.as('bytes'))
          .where('state', '=', sql<'completed'>`'completed'`)
          .where('removedAt', 'is', null)
          .groupBy('tenant')
          .execute(),
      );
      return rows.toSorted((one, other) => other.bytes - one.bytes || one.tenant.localeCompare(other.tenant));
    },

    async standing() {
      const rows = await database.query((db) =>
        db
          .selectFrom('standingOrders as order')
          .innerJoin('tenants', 'tenants.key', 'order.tenant')
          .select(['order.tenant', 'order.kind', 'order.recurrence', 'order.changedAt'])
          .select((eb) =>
            eb
              .selectFrom('runs')
              .select('runs.requestedAt')
              .whereRef('runs.tenant', '=', 'order.tenant')
              .whereRef('runs.kind', '=', 'order.kind')
              .where('runs.state', '=', 'completed')
              .orderBy('runs.requestedAt', 'desc')
              .limit(1)
              .as('completedAt'),
          )
          .leftJoinLateral(
            (eb) =>
              eb
                .selectFrom('runs')
                .select(['runs.runId', 'runs.workflowId', 'runs.state', 'runs.requestedAt', 'runs.failure'])
                .whereRef('runs.tenant', '=', 'order.tenant')
                .whereRef('runs.kind', '=', 'order.kind')
                .orderBy('runs.requestedAt', 'desc')
                .orderBy('runs.number', 'desc')
                .limit(1)
                .as('last'),
            (join) => join.onTrue(),
          )
          .select(['last.runId', 'last.workflowId', 'last.state', 'last.requestedAt', 'last.failure'])
          .where('order.enabled', '=', true)
          .where('tenants.disabledAt', 'is', null)
          .orderBy('order.tenant')
          .orderBy('order.kind')
          .execute(),
      );
      return rows.map(({ tenant, kind, recurrence, changedAt, completedAt, ...last }): StandingHealth => {
        const { runId, workflowId, state, requestedAt, failure } = last;
        const isKnown = runId !== null && workflowId !== null && state !== null && requestedAt !== null;
        const lastRun = isKnown ? { runId, workflowId, state, requestedAt, failure } : null;
        return { ...{ tenant, kind, recurrence, changedAt, completedAt }, lastRun };
      });
    },
  };
}
