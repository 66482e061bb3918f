import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Instant } from '../../../contracts/instant.ts';
import { daySeries } from '../../../contracts/keys.ts';
import type { Run, RunFile, WindowGap } from '../../../stores/ledger/ports.ts';
import { addDays, addMonths, dayStates, daysOf, daysOfGap, dayText, monthText, weeksOf } from './calendar.ts';

const month = fc
  .record({ year: fc.integer({ min: 2000, max: 2099 }), number: fc.integer({ min: 1, max: 12 }) })
  .map(({ year, number }) => `${year}-${String(number).padStart(2, '0')}`);

it('weeks have every day of the month once, each under its weekday, from Monday', () => {
  fc.assert(
    fc.property(month, (shown) => {
      const weeks = weeksOf(shown);
      expect(weeks.flat().filter((day) => day !== null)).toEqual(daysOf(shown));
      for (const week of weeks) {
        expect(week).toHaveLength(7);
        expect(week.some((day) => day !== null)).toBe(true);
        for (const [place, day] of week.entries()) {
          if (day !== null) expect((new Date(`${day}T12:00:00Z`).getUTCDay() + 6) % 7).toBe(place);
        }
      }
    }),
  );
});

it.each([
  ['2026-01', -1, '2025-12'],
  ['2026-12', 1, '2027-01'],
  ['2026-03', -14, '2025-01'],
] as const)('%s and %d months is %s', (from, count, to) => expect(addMonths(from, count)).toBe(to));

it('names days and months', () => {
  expect([dayText('2026-11-02'), monthText('2026-01'), addDays('2026-03-01', -1)]).toEqual([
    ...['2 November', 'January 2026', '2026-02-28'],
  ]);
});

it.each([
  ['2026-11-11', '2026-11-13', ['2026-11-12']],
  ['2026-11-11', '2026-11-12', ['2026-11-12']],
  ['2026-10-30', '2026-11-02', ['2026-10-31', '2026-11-01']],
] as const)('a gap between %s and %s is %j', (lastDay, nextDay, days) =>
  expect(daysOfGap({ lastDay, nextDay })).toEqual(days),
);

const DAY = '2026-11-12';
const run = (runId: string, state: Run['state'], day = DAY) =>
  ({ runId, state, series: daySeries('recurring', 'acme', day) }) as Run;
const file = (runId: string, more: Partial<RunFile> = {}) => ({ runId, complete: false, rows: 1, ...more }) as RunFile;
const gap = (closedBy: string | null): WindowGap => ({
  ...{ dataset: 'user', from: '' as Instant, to: '' as Instant },
  ...{ lastDay: '2026-11-11', nextDay: '2026-11-13', closedBy },
});

it.each([
  ['nothing', {}, undefined],
  ['a run that is due', { due: DAY }, 'due: due'],
  ['changes', { runs: [run('a', 'completed')], files: [file('a')] }, 'ok: delivered'],
  ['a delivery on the day that is due', { runs: [run('a', 'completed')], due: DAY }, 'ok: delivered'],
  [
    'a full load of one entity',
    { runs: [run('a', 'completed')], files: [file('a'), file('a', { complete: true })] },
    'full: full load delivered',
  ],
  [
    'a delivery without an entity',
    { runs: [run('a', 'completed')], files: [file('a', { complete: true }), file('a', { rows: null })] },
    'late: delivered without some entities',
  ],
  ['a failure before a delivery', { runs: [run('a', 'failed'), run('b', 'completed')] }, 'ok: delivered'],
  ['a failure, and no later day', { runs: [run('a', 'failed')] }, 'late: failed, the next run makes up for it'],
  [
    'a failure, and a later day',
    { runs: [run('a', 'failed')], lastDay: '2026-11-13' },
    'late: failed, made up for later',
  ],
  ['another try after a failure', { runs: [run('a', 'failed'), run('b', 'running')] }, 'due: running'],
  ['a gap on a day that failed', { runs: [run('a', 'failed')], gaps: [gap(null)] }, 'gap: gap, rows are missing'],
  [
    'a gap that is closed',
    { gaps: [gap('2026-11-20')] },
    'late: rows were missing, the full load of 20 November has them',
  ],
  [
    'an open gap of one entity and a closed one',
    { gaps: [gap(null), gap('2026-11-20')] },
    'gap: gap, rows are missing',
  ],
] as const)('%s', (_name, known, expected) => {
  const state = dayStates({ runs: [], files: [], gaps: [], due: null, lastDay: null, ...known }).get(DAY);
  expect(state && `${state.kind}: ${state.words}`).toBe(expected);
});
