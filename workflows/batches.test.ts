import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchesOf, batchSummary } from './batches.ts';

function filesOf(rows: readonly number[]) {
  return rows.map((count, place) => ({
    file: `f${place}`,
    dataset: `d${place}`,
    rows: count,
    rowsHash: '0',
    columns: [],
  }));
}

describe('batches', () => {
  it('have every file once in each format, keep to their limits, and begin with the largest', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(300_000), { maxLength: 60 }), (rows) => {
        const batches = batchesOf(filesOf(rows));
        const names = batches.flat().map(({ file, format }) => `${file}.${format}`);
        expect(names.toSorted()).toEqual(
          rows.flatMap((_, place) => [`f${place}.csv`, `f${place}.json`, `f${place}.typed-json`]).toSorted(),
        );
        for (const batch of batches) {
          const sum = batch.reduce((total, task) => total + task.rows, 0);
          expect(batch.length).toBeGreaterThan(0);
          expect(batch.length).toBeLessThanOrEqual(18);
          expect(sum <= 100_000 || batch.length === 1).toBe(true);
        }
        const order = batches.flat().map((task) => task.rows);
        expect(order).toEqual(order.toSorted((one, other) => other - one));
      }),
    );
  });

  it.each([
    [[1], 'f0.csv, f0.json and 1 more: 3 rows'],
    [[5000, 20], 'f0.csv, f0.json and 4 more: 15,060 rows'],
    [[200_000], 'f0.csv: 200,000 rows'],
  ])('of %j are told as what they are', (rows, summary) => {
    expect(batchSummary(batchesOf(filesOf(rows))[0] ?? [])).toBe(summary);
  });
});
