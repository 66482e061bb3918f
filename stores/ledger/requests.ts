import { type Kysely, sql, type Transaction } from 'kysely';
import { isRunId } from '../../contracts/job-id.ts';
import { REQUESTS, type RequestState } from '../../contracts/requests.ts';
import { CANCELLED_RUN, type RunState } from '../../contracts/run.ts';
import { appendAudit } from './audit.ts';
import { insertRun, requestedRow } from './begin-runs.ts';
import { type Database, NOW, storable } from './database.ts';
import { endRun } from './end-runs.ts';
import type { Requests, Run } from './ports.ts';
import { recordedAs } from './run-lists.ts';
import type { Tables } from './tables.ts';

/** Written into the statement, so that PostgreSQL uses the indexes of requests. */
const KIND = sql<string>`${sql.lit(REQUESTS)}`;

/** What callers see of a request, as `runStatus` of contracts/run.ts has it. */
function stateAt(now: Date) {
  return sql<RequestState>`case
    when state in ('pending', 'running') then 'Submitted'
    when state <> 'completed' then 'Failed'
    when coalesce(removal, 'failed') <> 'failed' or expires_at <= ${now} then 'Expired'
    else 'Available' end`;
}

/** What the ledger records of a request that callers see in this state. */
const STATES_OF: Readonly<Record<RequestState, readonly RunState[]>> = {
  Submitted: ['pending', 'running'],
  Available: ['completed'],
  Expired: ['completed'],
  Failed: ['failed', 'cancelled'],
};

export function requests(database: Database): Requests {
  return {
    async findSame(tenant, series, now) {
      const active = await database.query((db) =>
        db
          .selectFrom('runs')
          .selectAll()
          .where('tenant', '=', storable(tenant))
          .where('series', '=', series)
          .where('state', 'in', sql<'pending' | 'running'>`('pending', 'running')`)
          .where('deletedAt', 'is', null)
          .executeTakeFirst(),
      );
      return active ?? database.query((db) => findAvailable(db, tenant, series, now));
    },

    submit: (run, now) =>
      database.transaction(async (db) => {
        const { other, inserted } = await insertRun(
          db,
          { ...requestedRow(run), state: 'pending' },
          undefined,
          undefined,
        );
        if (other) return { run: other, submitted: false };
        // Read after the insert, which waits for the end of an active run of the series.
        const available = await findAvailable(db, run.order.tenant, run.series, now);
        const found = await db.selectFrom('runs').selectAll().where('runId', '=', run.runId).executeTakeFirstOrThrow();
        if (available && found.state === 'pending') {
          if (inserted) await db.deleteFrom('runs').where('runId', '=', run.runId).execute();
          else await forget(db, found);
          return { run: available, submitted: false };
        }
        const { tenant } = run.order;
        const detail = { number: found.number, dataset: run.order.dataset, format: run.order.format };
        await appendAudit(db, { tenant, actor: run.requestedBy, action: 'request.created', runId: run.runId, detail });
        return { run: found, submitted: true };
      }),

    list: (tenant, { before, limit, only, subjects = null }) =>
      database.query((db) =>
        db
          .selectFrom('runs')
          .selectAll()
          .where('tenant', '=', storable(tenant))
          .where('kind', '=', KIND)
          .where('deletedAt', 'is', null)
          .$if(before !== null, (query) => query.where('number', '<', before))
          .$if(only !== undefined, (query) =>
            only ? query.where(stateAt(only.now), '=', only.state).where(recordedAs(STATES_OF[only.state])) : query,
          )
          .$if(only?.state === 'Available', (query) => query.where('removedAt', 'is', null))
          .$if(subjects !== null, (query) => query.where((eb) => eb('subject', '=', eb.fn.any(eb.val(subjects ?? [])))))
          .orderBy('number', 'desc')
          .limit(limit)
          .execute(),
      ),

    async count(tenant, { now, limit, subjects }) {
      const counted = await database.query((db) =>
        db
          .selectFrom(
            db
              .selectFrom('runs')
              .select(stateAt(now).as('shown'))
              .where('tenant', '=', storable(tenant))
              .where('kind', '=', KIND)
              .where('deletedAt', 'is', null)
              .$if(subjects !== null, (query) =>
                query.where((eb) => eb('subject', '=', eb.fn.any(eb.val(subjects ?? [])))),
              )
              .orderBy('number', 'desc')
              .limit(limit)
              .as('newest'),
          )
          .select((eb) => ['shown', eb.fn.countAll<number>().as('requests')] as const)
          .groupBy('shown')
          .execute(),
      );
      const counts = Object.fromEntries(counted.map(({ shown, requests: count }) => [shown, count]));
      const { Submitted = 0, Available = 0, Expired = 0, Failed = 0 } = counts;
      return { Submitted, Available, Expired, Failed };
    },

    async find(tenant, number) {
      if (!Number.isSafeInteger(number)) return undefined;
      return database.query((db) =>
        db
          .selectFrom('runs')
          .selectAll()
          .where('tenant', '=', storable(tenant))
          .where('number', '=', number)
          .where('kind', '=', KIND)
          .where('deletedAt', 'is', null)
          .executeTakeFirst(),
      );
    },

    remove: (tenant, numbers, actor) =>
      database.transaction(async (db) => {
        const unique = [...new Set(numbers)];
        const found = await db
          .selectFrom('runs')
          .selectAll()
          .where('tenant', '=', storable(tenant))
          .where('number', 'in', unique)
          .where('kind', '=', KIND)
          .where('deletedAt', 'is', null)
          .orderBy('number')
          .forUpdate()
          .execute();
        if (found.length < unique.length) return undefined;
        for (const run of found) {
          await forget(db, run);
          const { runId, number } = run;
          await appendAudit(db, { tenant, actor, action: 'request.deleted', runId, detail: { number } });
        }
        return found;
      }),

    async recordDownload(runId) {
      if (!isRunId(runId)) return;
      await database.query((db) =>
        db.updateTable('runs').set({ downloadedAt: NOW }).where('runId', '=', runId).execute(),
      );
    },

    release: () =>
      database.transaction(async (db) => {
        const waiting = await db
          .selectFrom('runs')
          .selectAll()
          .where('kind', '=', KIND)
          .where('state', 'in', sql<'pending'>`('pending')`)
          .where('deletedAt', 'is', null)
          .orderBy('number')
          .execute();
        await db
          .updateTable('runs')
          .set({ startsAt: NOW })
          .where('kind', '=', KIND)
          .where('state', 'in', sql<'pending'>`('pending')`)
          .where('startsAt', '>', NOW)
          .execute();
        const detail = { requests: waiting.length };
        await appendAudit(db, { tenant: null, actor: 'operator', action: 'requests.released', detail });
        return waiting;
      }),

    unmailed: (endedBefore, limit) =>
      database.query((db) =>
        db
          .selectFrom('runs')
          .selectAll()
          .where('kind', '=', KIND)
          .where('mailedAt', 'is', null)
          .where('state', 'in', sql<'completed' | 'failed'>`('completed', 'failed')`)
          .where('endedAt', '<=', endedBefore)
          .orderBy('endedAt')
          .limit(limit)
          .execute(),
      ),

    async claimMail(runId, kind, address) {
      const claimed = await database.query((db) =>
        db
          .insertInto('mails')
          .values({ runId, kind, address: storable(address) })
          .onConflict((conflict) => conflict.doNothing())
          .returning('runId')
          .executeTakeFirst(),
      );
      return claimed !== undefined;
    },

    async settleMail(runId, kind, address, sent) {
      await database.query<unknown>((db) =>
        sent
          ? db
              .updateTable('mails')
              .set({ sentAt: NOW })
              .where('runId', '=', runId)
              .where('kind', '=', kind)
              .where('address', '=', storable(address))
              .execute()
          : db
              .deleteFrom('mails')
              .where('runId', '=', runId)
              .where('kind', '=', kind)
              .where('address', '=', storable(address))
              .where('sentAt', 'is', null)
              .execute(),
      );
    },

    recordMailed: (runId) =>
      database.transaction(async (db) => {
        const mailed = await db
          .updateTable('runs')
          .set({ mailedAt: NOW })
          .where('runId', '=', runId)
          .where('mailedAt', 'is', null)
          .returning('tenant')
          .executeTakeFirst();
        if (!mailed) return;
        const { sent } = await db
          .selectFrom('mails')
          .select((eb) => eb.fn.count<number>('sentAt').as('sent'))
          .where('runId', '=', runId)
          .executeTakeFirstOrThrow();
        const { tenant } = mailed;
        await appendAudit(db, { tenant, actor: 'waybill', action: 'request.mailed', runId, detail: { mails: sent } });
      }),
  };
}

/** @param run locked, or not known to anybody */
async function forget(db: Transaction<Tables>, run: Run): Promise<void> {
  if (run.state === 'pending') await endRun(db, run, undefined, { state: 'cancelled', failure: CANCELLED });
  await db
    .updateTable('runs')
    // The reconciler removes what the caller does not come to remove.
    .set({ deletedAt: NOW, ...(run.state === 'completed' && run.removedAt === null && { removeAfter: NOW }) })
    .where('runId', '=', run.runId)
    .execute();
}

const CANCELLED = { code: 'cancelled', message: CANCELLED_RUN.own } as const;

function findAvailable(db: Kysely<Tables>, tenant: string, series: string, now: Date): Promise<Run | undefined> {
  return db
    .selectFrom('runs')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('series', '=', series)
    .where('kind', '=', KIND)
    .where('state', '=', sql<'completed'>`'completed'`)
    .where('deletedAt', 'is', null)
    .where('removal', 'is', null)
    .where('expiresAt', '>', now)
    .limit(1)
    .executeTakeFirst();
}
