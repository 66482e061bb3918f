import { sql } from 'kysely';
import { WaybillError } from '../../contracts/failures.ts';
import { type Database, storable } from './database.ts';
import type { Audit, AuditLine } from './ports.ts';

/** The trail of a tenant in pages. Each statement walks an index that begins with what the filter names. */
export function auditPages(database: Database): Pick<Audit, 'page' | 'actors'> {
  return {
    async page(tenant, { actor, actions, from, before }, { cursor, limit }) {
      const after = cursor === null ? undefined : decodeCursor(cursor);
      const rows = await database.query((db) =>
        db
          .selectFrom('audit')
          .leftJoin('runs', 'runs.runId', 'audit.runId')
          .select(['audit.id', 'at', 'audit.tenant', 'actor', 'action', 'audit.runId', 'detail'])
          .select(['runs.number', 'runs.kind', 'runs.subject'])
          .where('audit.tenant', '=', storable(tenant))
          .$if(actor !== undefined, (query) => query.where('actor', '=', storable(actor ?? '')))
          .$if(actions !== undefined, (query) => query.where('action', 'in', actions ?? []))
          .$if(from !== undefined, (query) => query.where('at', '>=', from ?? new Date(0)))
          .$if(before !== undefined, (query) => query.where('at', '<', before ?? new Date(0)))
          .$if(after !== undefined, (query) =>
            query.where(({ refTuple, tuple, eb }) =>
              eb(refTuple('at', 'audit.id'), '<', tuple(after?.at ?? new Date(0), after?.id ?? 0)),
            ),
          )
          .orderBy('at', 'desc')
          .orderBy('audit.id', 'desc')
          .limit(limit + 1)
          .execute(),
      );
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      return {
        rows: page.map(({ id: _id, number, kind, subject, ...entry }): AuditLine => {
          const isKnown = number !== null && kind !== null && subject !== null;
          return { ...entry, run: isKnown ? { number, kind, subject } : null };
        }),
        next: rows.length > limit && last ? encodeCursor(last) : null,
      };
    },

    async actors(tenant, limit) {
      // Jumps from each name to the next one, so it reads as many entries of the index as there are names.
      const { rows } = await database.query((db) =>
        sql<{ actor: string }>`
          with recursive names as (
            (select actor from audit where tenant = ${storable(tenant)} order by actor limit 1)
            union all
            select (select actor from audit where tenant = ${storable(tenant)} and actor > names.actor order by actor limit 1)
              from names where names.actor is not null
          )
          select actor from names where actor is not null limit ${limit}`.execute(db),
      );
      return rows.map(({ actor }) => actor);
    },
  };
}

interface Place {
  readonly at: Date;
  readonly id: number;
}

/** Milliseconds since 1970 and the id, in base 36. */
const CURSOR = /^([0-9a-z]{1,11})\.([0-9a-z]{1,11})$/;
/** The latest time that a `Date` can hold. Source: ECMAScript, time values. */
const DATE_MS_MAX = 8_640_000_000_000_000;

function encodeCursor({ at, id }: Place): string {
  return `${at.getTime().toString(36)}.${id.toString(36)}`;
}

function decodeCursor(text: string): Place {
  const [, time = '', id = ''] = CURSOR.exec(text) ?? [];
  const place = { at: Number.parseInt(time, 36), id: Number.parseInt(id, 36) };
  if (!(place.at <= DATE_MS_MAX && Number.isSafeInteger(place.id))) {
    throw new WaybillError('invalid_field', 'The cursor is invalid. Use the links of the page.', { field: 'cursor' });
  }
  return { at: new Date(place.at), id: place.id };
}
