import { sql } from 'kysely';
import type { Database } from './database.ts';
import type { Coverage, Registrations, WindowGap } from './ports.ts';

/** Whether the windows of what is delivered join. Instants have one form, so they sort as bytes. */
export function coverage(database: Database): Registrations['coverage'] {
  return async function readCoverage({ tenant, kind }) {
    return database.query(async (db) => {
      const delivered = sql`
        select f.dataset, f.complete, f.window_from collate "C" as window_from, f.window_to collate "C" as window_to,
          right(r.series, 10) as day, r.requested_at
        from run_files f join runs r using (run_id)
        where r.tenant = ${tenant} and r.kind = ${kind} and r.state = 'completed'
          and (r.current or r.removal = 'expired') and f.rows is not null`;
      const { rows: gaps } = await sql<WindowGap>`
        select dataset, reached as "from", window_from as "to", last_day, day as next_day, closed_by
        from (
          select *, max(window_to) over before as reached, lag(day) over whole as last_day,
            min(day) filter (where complete) over after as closed_by
          from (${delivered}) delivered
          window whole as (partition by dataset order by window_to, requested_at),
            before as (whole rows between unbounded preceding and 1 preceding),
            after as (whole rows between 1 following and unbounded following)
        ) joined
        where not complete and window_from > reached
        order by next_day, dataset`.execute(db);
      const { rows } = await sql<Omit<Coverage, 'gaps'>>`
        select count(distinct day) as days, min(day) as first_day, max(day) as last_day, max(window_to) as "to"
        from (${delivered}) delivered`.execute(db);
      const none = { days: 0, firstDay: null, lastDay: null, to: null };
      return { ...(rows[0] ?? none), gaps };
    });
  };
}
