import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { Dataset } from '../../config/dataset.ts';
import { instantFromMicros, microsOfInstant } from '../../contracts/instant.ts';
import { at, BIG, BIG_TABLE, column, order, TIMES, TIMES_TABLE, useWarehouse } from './warehouse-fixture.ts';

const { planFile, read } = await useWarehouse(TIMES_TABLE + BIG_TABLE);

const WITH_TIMES = [column('created', 'timestamp'), column('modified', 'timestamp')];

async function inWindow(set: Dataset, from: string, to: string) {
  const wanted = order({ format: 'jsonl', window: { from: at(from), to: at(to), bounds: 'inclusive' } });
  const timed = { ...set, columns: WITH_TIMES };
  const plan = await planFile(timed, wanted, 1_000_000);
  const { text } = await read(timed, wanted);
  const rows = text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { created: string | null; modified: string | null });
  return { plan, rows };
}

const instant = fc
  .bigInt({ min: microsOfInstant(at('2019-12-30')), max: microsOfInstant(at('2020-03-03')) })
  .map((micros) => String(instantFromMicros(micros)));

describe('the rows of each day', () => {
  it.each([
    ['of two columns of time', TIMES],
    ['of a column of days', { ...TIMES, createdColumn: 'day', modifiedColumn: null }],
    ['of days, and of times of changes', { ...TIMES, createdColumn: 'day' }],
    ['of a thousand times as many', BIG],
  ])('%s are those of the window, each of one day', async (_what, set) => {
    const property = fc.asyncProperty(instant, instant, async (one, other) => {
      const [from = '', to = ''] = [one, other].sort();
      const { plan, rows } = await inWindow(set, from, to);
      const expected = new Map<string, number>();
      for (const { created, modified } of rows) {
        const written = set.createdColumn === 'day' ? (created?.slice(0, 10) ?? null) : created;
        const time = modified !== null && set.modifiedColumn && within(modified, from, to) ? modified : written;
        const day = String(time).slice(0, 10);
        expected.set(day, (expected.get(day) ?? 0) + 1);
      }
      const days = [...expected].sort().map(([day, count]) => ({ day, rows: count }));
      expect(plan.rowsByDay).toEqual(days);
      expect(plan.rows).toBe(rows.length);
    });
    await fc.assert(property, { numRuns: set === BIG ? 4 : 30 });
  });
});

function within(time: string, from: string, to: string): boolean {
  const instantOf = String(at(time));
  return from <= instantOf && instantOf <= to;
}

test.each([
  ['2020-01-01', '2021-02-03T23:59:59.999999Z', true],
  ['2020-01-01', '2021-02-04', false],
  ['0001-01-01', '9999-12-31', false],
])('a window from %s to %s is counted by day: %s', async (from, to, isCounted) => {
  const { plan } = await inWindow(TIMES, from, to);
  expect(plan.rowsByDay !== undefined).toBe(isCounted);
});

test('the sums of parts and of days are those of the rows', async () => {
  const window = { from: at('2020-01-01'), to: at('2020-03-01'), bounds: 'inclusive' } as const;
  const whole = await planFile(BIG, order({ window, recipients: ['age1x'] }), 1000);
  const parts = await planFile(BIG, order({ window }), 30_000);
  expect(parts.parts.length).toBeGreaterThan(2);
  expect(parts.rowsByDay).toEqual(whole.rowsByDay);
  const { rowsHash } = await read(BIG, order({ window }));
  expect(whole.parts[0]?.rowsHash).toBe(rowsHash);
});
