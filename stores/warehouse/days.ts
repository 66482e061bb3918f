import { type Instant, instantFromMicros, microsOfInstant } from '../../contracts/instant.ts';
import { DAYS_MAX, type RowSum, type RowsOfDay } from '../../contracts/plan.ts';
import type { Window } from '../../contracts/window.ts';
import { type Reading, selectRows, sumColumns, toSum } from './row-sum.ts';
import type { Times } from './rows.ts';
import { atLeast, atMost } from './time-column.ts';

const DAY_MICROS = 86_400_000_000n;

interface BoundedWindow {
  readonly from: Instant;
  readonly to: Instant;
}

/** @returns the window, if the rows in it are counted by day: one that somebody has ordered, of {@link DAYS_MAX} days at most */
export function windowOfDays(window: Window | null): BoundedWindow | undefined {
  if (window === null || window.from === null || window.bounds !== 'inclusive') return undefined;
  const { from, to } = window;
  const days = (microsOfInstant(to) - startOfDay(from)) / DAY_MICROS + 1n;
  return days <= BigInt(DAYS_MAX) ? { from, to } : undefined;
}

/**
 * Sums the rows of each day in UTC. A row is of the day of its modified time if that is in the window, and of the day of its
 * created time otherwise.
 *
 * @returns the days that have rows, the first one first
 */
export async function sumDays(
  read: Reading,
  times: Times,
  { from, to }: BoundedWindow,
): Promise<readonly (RowSum & RowsOfDay)[]> {
  const start = startOfDay(from);
  const rows = await selectRows(read, (bindings) => {
    const [first, second] = times;
    const isFirst = () => `${atLeast(first, from, bindings)} AND ${atMost(first, to, bindings)}`;
    const time = second
      ? `CASE WHEN ${isFirst()} THEN epoch_us(${first.sql}) ELSE epoch_us(${second.sql}) END`
      : `epoch_us(${first.sql})`;
    return {
      columns: `(${time} - ${start}) // ${DAY_MICROS}, ${sumColumns(read.source)}`,
      groupBy: '1',
      rest: ' ORDER BY 1',
    };
  });
  return rows.map(([day, ...sum]) => ({ day: dayOf(start + BigInt(String(day)) * DAY_MICROS), ...toSum(sum) }));
}

function startOfDay(instant: Instant): bigint {
  return microsOfInstant(`${instant.slice(0, 10)}T00:00:00.000000Z` as Instant);
}

function dayOf(micros: bigint): string {
  return instantFromMicros(micros)?.slice(0, 10) ?? '';
}
