import { type Kysely, sql, type Transaction } from 'kysely';
import { encodeJobId } from '../../contracts/job-id.ts';
import { dayOf, standingSeries } from '../../contracts/keys.ts';
import type { Order, RequestOrder } from '../../contracts/order.ts';
import { ALL_STATUSES, type ArchiveOrder, versionText } from '../../contracts/questionnaires.ts';
import type { WebhookData, WebhookEvent } from '../../contracts/webhook.ts';
import { appendAudit } from './audit.ts';
import { type Database, NOW, storable } from './database.ts';
import type { WebhookEvents } from './ports.ts';
import type { Run, Tables } from './tables.ts';

/** Callbacks of one run: equal orders may join it, each with an address of its own. */
const CALLBACKS_MAX = 20;

/** Days that ended events are listed. */
const KEPT = sql<Date>`now() - interval '30 days'`;

interface OwedEvent {
  readonly type: WebhookEvent;
  readonly tenant: string;
  /** `null`: of no run. */
  readonly runId: string | null;
  readonly data: WebhookData;
}

/**
 * Owes an event to the tenant's webhook, if it wants this type, and to the callbacks of the run, at most once to each. Part of the
 * transaction that records the outcome, so no event is lost and none is of something that did not happen.
 */
export async function oweEvents(db: Kysely<Tables>, { type, tenant, runId, data }: OwedEvent): Promise<void> {
  const text = JSON.stringify(data);
  await sql`
    insert into webhook_events (tenant, type, run_id, callback_url, data)
    select tenant, ${type}::text, ${runId}::uuid, null, ${text}::json from webhooks
      where tenant = ${tenant} and url is not null and disabled_at is null and ${type}::text = any(events)
    union all
    select tenant, ${type}::text, run_id, url, ${text}::json from run_callbacks
      where run_id = ${runId}::uuid and tenant = ${tenant}
    on conflict do nothing`.execute(db);
}

/** Whether anybody is told of the run. */
export async function hasReceivers(db: Kysely<Tables>, tenant: string, runId: string): Promise<boolean> {
  const { rows } = await sql<{ found: boolean }>`
    select exists (select from webhooks where tenant = ${tenant})
      or exists (select from run_callbacks where run_id = ${runId}::uuid) as found`.execute(db);
  return rows[0]?.found === true;
}

/** What events say of a run. @param now its columns as they are from now on */
export function dataOf(
  { tenant, kind, runId, number, workflowId, series, order }: Run,
  now: Partial<Run> = {},
): WebhookData {
  const { snapshotAt, files, rows, bytes, manifestSha256, expiresAt } = now;
  const isDay = order === null && series !== standingSeries(kind, tenant);
  return {
    ...{ tenant, kind, exportId: runId, number },
    ...(order && { jobId: encodeJobId({ workflowId, runId }) }),
    ...(order && ('questionnaire' in order ? dataOfArchive(order) : dataOfOrder(order))),
    ...(isDay && { day: dayOf({ series }) }),
    ...(manifestSha256 && { snapshotAt, files, rows, bytes, manifestSha256 }),
    ...(expiresAt && { expiresAt: expiresAt.toISOString() }),
  };
}

function dataOfOrder({ dataset, format, window }: Order | RequestOrder): Partial<WebhookData> {
  return { dataset, format, window: { from: window.from, to: window.to } };
}

function dataOfArchive({ type, status, ...version }: ArchiveOrder): Partial<WebhookData> {
  return { questionnaire: versionText(version), type, status: status ?? ALL_STATUSES };
}

/** What a run of changes has delivered; nothing of any other run. */
export async function deliveredOf(db: Transaction<Tables>, runId: string): Promise<Pick<WebhookData, 'delivered'>> {
  const files = await db
    .selectFrom('runFiles')
    .select(['dataset', 'complete', 'windowFrom', 'windowTo', 'rows'])
    .where('runId', '=', runId)
    .where('rows', 'is not', null)
    .orderBy('dataset')
    .execute();
  if (files.length === 0) return {};
  return {
    delivered: files.map(({ dataset, complete, windowFrom, windowTo, rows }) => ({
      ...{ dataset, load: complete ? ('complete' as const) : ('delta' as const), rows },
      window: { from: windowFrom, to: windowTo },
    })),
  };
}

/** The events of an outcome that was recorded before a callback was. */
async function oweLate(db: Transaction<Tables>, run: Run): Promise<void> {
  const shared = { tenant: run.tenant, runId: run.runId };
  if (run.state === 'completed') await oweEvents(db, { ...shared, type: 'export.completed', data: dataOf(run, run) });
  if (run.failure) {
    await oweEvents(db, { ...shared, type: 'export.failed', data: { ...dataOf(run), failure: run.failure } });
  }
}

export function webhookEvents(database: Database): WebhookEvents {
  return {
    async addCallback({ runId, tenant, url }) {
      const added = await database.query((db) =>
        db
          .insertInto('runCallbacks')
          .columns(['runId', 'tenant', 'url'])
          .expression((eb) =>
            eb
              .selectFrom('runCallbacks')
              .select(({ val }) => [
                val(runId).$castTo<string>().as('runId'),
                val(tenant).$castTo<string>().as('tenant'),
                val(url).$castTo<string>().as('url'),
              ])
              .where('runId', '=', runId)
              .having(({ fn }) => fn.countAll(), '<', CALLBACKS_MAX),
          )
          .onConflict((conflict) => conflict.doNothing())
          .returning('runId')
          .executeTakeFirst(),
      );
      // In a transaction of its own: an outcome that is recorded from now on finds the callback.
      return database.transaction(async (db) => {
        const run = await db.selectFrom('runs').selectAll().where('runId', '=', runId).forUpdate().executeTakeFirst();
        if (run?.tenant === tenant && run.endedAt !== null) await oweLate(db, run);
        if (added) return true;
        const known = db.selectFrom('runCallbacks').select('url').where('runId', '=', runId).where('url', '=', url);
        return (await known.executeTakeFirst()) !== undefined;
      });
    },

    async isDue(tenant) {
      const due = await database.query((db) =>
        db
          .selectFrom('webhookEvents')
          .select('eventId')
          .where('tenant', '=', tenant)
          .where('state', '=', 'pending')
          .where('nextAttemptAt', '<=', NOW)
          .limit(1)
          .executeTakeFirst(),
      );
      return due !== undefined;
    },

    due: (tenant, limit) =>
      database.query((db) =>
        db
          .selectFrom('webhookEvents')
          .selectAll()
          .where('tenant', '=', tenant)
          .where('state', '=', 'pending')
          .where('nextAttemptAt', '<=', NOW)
          .orderBy('nextAttemptAt')
          .limit(limit)
          .execute(),
      ),

    async nextAttemptAt(tenant) {
      const next = await database.query((db) =>
        db
          .selectFrom('webhookEvents')
          .select('nextAttemptAt')
          .where('tenant', '=', tenant)
          .where('state', '=', 'pending')
          .orderBy('nextAttemptAt')
          .limit(1)
          .executeTakeFirst(),
      );
      return next?.nextAttemptAt ?? null;
    },

    async record(eventId, { state, status, error, nextAttemptAt }) {
      await database.transaction(async (db) => {
        const recorded = await db
          .updateTable('webhookEvents')
          .set((eb) => ({
            ...{ state, lastStatus: status, lastError: error, lastAttemptAt: NOW, nextAttemptAt },
            ...{ attempts: eb('attempts', '+', 1), endedAt: state === 'pending' ? null : NOW },
          }))
          .where('eventId', '=', eventId)
          .where('state', '=', 'pending')
          .returning(['tenant', 'type', 'runId', 'attempts'])
          .executeTakeFirst();
        if (!recorded || state !== 'failed') return;
        const { tenant, type, runId, attempts } = recorded;
        const detail = { type, attempts, code: error };
        await appendAudit(db, { tenant, actor: 'waybill', action: 'webhook.failed', runId, detail });
      });
    },

    async postpone(eventIds, nextAttemptAt) {
      if (eventIds.length === 0) return;
      await database.query((db) =>
        db
          .updateTable('webhookEvents')
          .set({ nextAttemptAt })
          .where('eventId', 'in', eventIds)
          .where('state', '=', 'pending')
          .execute(),
      );
    },

    async skip(eventIds) {
      if (eventIds.length === 0) return;
      await database.query((db) =>
        db
          .updateTable('webhookEvents')
          .set({ state: 'skipped', endedAt: NOW, nextAttemptAt: null })
          .where('eventId', 'in', eventIds)
          .where('state', '=', 'pending')
          .execute(),
      );
    },

    async listDueTenants(limit) {
      const found = await database.query((db) =>
        db
          .selectFrom('webhookEvents')
          .select('tenant')
          .distinct()
          .where('state', '=', 'pending')
          .where('nextAttemptAt', '<=', NOW)
          .limit(limit)
          .execute(),
      );
      return found.map(({ tenant }) => tenant);
    },

    oweExpiring: (hours, limit) => database.transaction((db) => oweExpiring(db, hours, limit)),

    list: (tenant, limit) =>
      database.query((db) =>
        db
          .selectFrom('webhookEvents')
          .selectAll()
          .where('tenant', '=', storable(tenant))
          .orderBy('createdAt', 'desc')
          .orderBy('eventId')
          .limit(limit)
          .execute(),
      ),

    async removeOld(limit) {
      await database.query(async (db) => {
        const old = db.selectFrom('webhookEvents').select('eventId').where('state', '<>', 'pending');
        await db
          .deleteFrom('webhookEvents')
          .where('eventId', 'in', old.where('endedAt', '<', KEPT).limit(limit))
          .execute();
        await sql`
          delete from run_callbacks where created_at < ${KEPT}
            and not exists (select from runs r where r.run_id = run_callbacks.run_id
              and (r.ended_at is null or r.state = 'completed' and r.removed_at is null))`.execute(db);
      });
    },
  };
}

/** Those that are kept for no longer than the hours expire soon from the beginning, so nobody is told. */
async function oweExpiring(db: Transaction<Tables>, hours: number, limit: number): Promise<number> {
  const soon = sql<Date>`now() + make_interval(hours => ${hours})`;
  const found = await db
    .selectFrom('runs')
    .selectAll()
    .where('removedAt', 'is', null)
    .where('removeAfter', '>', NOW)
    .where('removeAfter', '<=', soon)
    .where('state', '=', 'completed')
    .where('standingOrderId', 'is', null)
    .where('removal', 'is', null)
    .where(sql<boolean>`expires_at - ended_at > make_interval(hours => ${hours})`)
    .where(
      sql<boolean>`(exists (select from webhooks w where w.tenant = runs.tenant and url is not null and disabled_at is null
          and 'export.expiring' = any(events)) or exists (select from run_callbacks c where c.run_id = runs.run_id))`,
    )
    .where(
      sql<boolean>`not exists (select from webhook_events e where e.run_id = runs.run_id and type = 'export.expiring')`,
    )
    .orderBy('removeAfter')
    .limit(limit)
    .execute();
  for (const run of found) {
    const { tenant, runId } = run;
    await oweEvents(db, { type: 'export.expiring', tenant, runId, data: dataOf(run, run) });
  }
  return found.length;
}
