import { type ExpressionBuilder, type RawBuilder, type SqlBool, sql } from 'kysely';
import { WaybillError } from '../../contracts/failures.ts';
import { isRunId } from '../../contracts/job-id.ts';
import type { RunState, RunStatus } from '../../contracts/run.ts';
import { type Database, NOW, storable } from './database.ts';
import type { RunFilter, Runs } from './ports.ts';
import type { Run, Tables } from './tables.ts';

type Lists = Pick<
  Runs,
  | 'find'
  | 'findByNumber'
  | 'current'
  | 'listCurrent'
  | 'list'
  | 'listOfSeries'
  | 'countActive'
  | 'dueForRemoval'
  | 'listActive'
  | 'dueForRecheck'
>;

export function runLists(database: Database): Lists {
  return {
    async find(runId) {
      if (!isRunId(runId)) return undefined;
      return database.query((db) => db.selectFrom('runs').selectAll().where('runId', '=', runId).executeTakeFirst());
    },

    async findByNumber(tenant, kind, number) {
      if (!Number.isSafeInteger(number)) return undefined;
      return database.query((db) =>
        db
          .selectFrom('runs')
          .selectAll()
          .where('number', '=', number)
          .where('tenant', '=', storable(tenant))
          .where('kind', '=', kind)
          .executeTakeFirst(),
      );
    },

    current: (tenant, series) =>
      database.query((db) =>
        db
          .selectFrom('runs')
          .selectAll()
          .where('tenant', '=', storable(tenant))
          .where('series', '=', series)
          .where('current', '=', true)
          .executeTakeFirst(),
      ),

    listCurrent: (tenant, kind) =>
      database.query((db) =>
        db
          .selectFrom('runs')
          .selectAll()
          .where('tenant', '=', storable(tenant))
          .where('kind', '=', kind)
          .where('current', '=', true)
          .where((eb) => eb.or([eb('expiresAt', 'is', null), eb('expiresAt', '>', NOW)]))
          .orderBy('series')
          .execute(),
      ),

    async list(tenant, filter, { cursor, limit }) {
      const after = cursor === null ? undefined : decodeCursor(cursor);
      const rows = await database.query((db) =>
        db
          .selectFrom('runs')
          .selectAll()
          .where('tenant', '=', storable(tenant))
          .where('kind', '=', filter.kind)
          .where((eb) => matches(eb, filter))
          .$if(after !== undefined, (query) =>
            query.where(({ refTuple, tuple, eb }) =>
              eb(refTuple('requestedAt', 'runId'), '<', tuple(after?.requestedAt ?? new Date(0), after?.runId ?? '')),
            ),
          )
          .orderBy('requestedAt', 'desc')
          .orderBy('runId', 'desc')
          .limit(limit + 1)
          .execute(),
      );
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      return { rows: page, next: rows.length > limit && last !== undefined ? encodeCursor(last) : null };
    },

    listOfSeries: async (tenant, series) =>
      series.length === 0
        ? []
        : database.query((db) =>
            db
              .selectFrom('runs')
              .selectAll()
              .where('tenant', '=', storable(tenant))
              .where('series', 'in', series)
              .orderBy('requestedAt')
              .orderBy('runId')
              .execute(),
          ),

    async countActive(tenant, kind) {
      const row = await database.query((db) =>
        db
          .selectFrom('runs')
          .select((eb) => eb.fn.countAll<number>().as('active'))
          .where('tenant', '=', tenant)
          .where('kind', '=', kind)
          .where('state', 'in', sql<'pending' | 'running'>`('pending', 'running')`)
          .executeTakeFirstOrThrow(),
      );
      return row.active;
    },

    dueForRemoval: (now, limit) =>
      database.query((db) =>
        db
          .selectFrom('runs')
          .selectAll()
          .where('removeAfter', '<=', now)
          .where('removedAt', 'is', null)
          .where('endedAt', 'is not', null)
          .orderBy('removeAfter')
          .limit(limit)
          .execute(),
      ),

    listActive: (requestedBefore, limit) =>
      database.query((db) =>
        db
          .selectFrom('runs')
          .selectAll()
          .where('state', 'in', sql<'pending' | 'running'>`('pending', 'running')`)
          .where('requestedAt', '<', requestedBefore)
          .where((eb) => eb.or([eb('startsAt', 'is', null), eb('startsAt', '<', requestedBefore)]))
          .orderBy('requestedAt')
          .limit(limit)
          .execute(),
      ),

    dueForRecheck: (endedBefore, limit) =>
      database.query((db) =>
        db
          .selectFrom('runs')
          .selectAll()
          .where('endedAt', '<=', endedBefore)
          .where('recheckedAt', 'is', null)
          .orderBy('endedAt')
          .limit(limit)
          .execute(),
      ),
  };
}

function matches(eb: ExpressionBuilder<Tables, 'runs'>, { statuses, subject, subjects }: RunFilter) {
  const conditions = [];
  if (statuses !== undefined) {
    // As `runStatus` in contracts/run.ts.
    const status = sql<string>`case when state <> 'completed' then state when removal is not null then removal
      when expires_at <= ${statuses.now} then 'expired' else 'completed' end`;
    conditions.push(
      eb(status, '=', eb.fn.any(eb.val(statuses.anyOf as readonly string[]))),
      recordedAs(statuses.anyOf.map((wanted) => STATE_OF[wanted])),
    );
    if (statuses.anyOf.every((wanted) => wanted === 'completed')) conditions.push(eb('removedAt', 'is', null));
  }
  if (subject !== undefined) {
    conditions.push(eb(eb.fn<string>('lower', ['subject']), '=', storable(subject.toLowerCase())));
  }
  if (subjects) conditions.push(eb('subject', '=', eb.fn.any(eb.val(subjects))));
  return eb.and(conditions);
}

/** What the ledger records of a run with this status. */
const STATE_OF: Readonly<Record<RunStatus, RunState>> = {
  pending: 'pending',
  running: 'running',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
  expired: 'completed',
  deleted: 'completed',
  replaced: 'completed',
};

/** Written into the statement, so that PostgreSQL uses the indexes of these states, and not one of all runs. */
export function recordedAs(states: readonly RunState[]): RawBuilder<SqlBool> {
  if (states.length === 0) return sql<SqlBool>`false`;
  return sql<SqlBool>`state in (${sql.join([...new Set(states)].map((state) => sql.lit(state)))})`;
}

/** Position of a page's end; the next page continues with older runs. Neither secret nor an authorization. */
type Place = Pick<Run, 'requestedAt' | 'runId'>;

/** Milliseconds since 1970 in base 36, and a run id. */
const CURSOR = /^([0-9a-z]{1,11})\.([0-9a-f-]{36})$/;
/** The latest time that a `Date` can hold. Source: ECMAScript, time values. */
const DATE_MS_MAX = 8_640_000_000_000_000;

function encodeCursor({ requestedAt, runId }: Place): string {
  return Buffer.from(`${requestedAt.getTime().toString(36)}.${runId}`).toString('base64url');
}

function decodeCursor(text: string): Place {
  const [, time = '', runId = ''] = CURSOR.exec(Buffer.from(text, 'base64url').toString('latin1')) ?? [];
  const ms = Number.parseInt(time, 36);
  if (!isRunId(runId) || !(ms <= DATE_MS_MAX)) {
    throw new WaybillError('invalid_field', 'The cursor is invalid. Send `next` of the previous page unchanged.', {
      field: 'cursor',
    });
  }
  return { requestedAt: new Date(ms), runId };
}
