import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Instant } from '../contracts/instant.ts';
import { CSV_DEFAULTS, type RunOrder } from '../contracts/order.ts';
import { PERIODIC_FORMATS } from '../contracts/periodic.ts';
import type { RunPlan } from '../contracts/steps.ts';
import { batchesOf, batchSummary } from './batches.ts';

/** An order of files whose parts have these numbers of rows, and its plan. */
function planned(
  files: readonly (readonly number[])[],
  formats = PERIODIC_FORMATS as RunOrder['files'][0]['formats'],
  more: Partial<RunOrder['files'][0]> = {},
) {
  const order: RunOrder = {
    ...{ tenant: 'acme', subject: 'all', recipients: [], roundsMax: 1, retention: { keepDays: 1 } },
    files: files.map((_, place) => ({
      ...{ name: `f${place}`, dataset: `d${place}`, window: null, parameters: {}, formats },
      ...{ csv: CSV_DEFAULTS, columns: null, compression: 'none', ...more },
    })),
  };
  const plan: RunPlan = {
    snapshotAt: '2026-11-21T01:30:00.000000Z' as Instant,
    files: files.map((parts) => ({
      columns: [],
      rows: parts.reduce((sum, rows) => sum + rows, 0),
      parts: parts.map((rows, index) => ({ index, slice: { from: null, to: null }, rows, rowsHash: '0' })),
    })),
  };
  return [order, plan] as const;
}

const sumOf = (rows: readonly number[]) => rows.reduce((sum, count) => sum + count, 0);

describe('batches', () => {
  it('have every part once in each format, keep to their limits, and begin with the largest whole file', () => {
    const parts = fc.oneof(
      fc.nat(300_000).map((rows) => [rows]),
      fc.array(fc.nat(1000), { minLength: 2, maxLength: 4 }),
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 60 }), (files) => {
        const [order, plan] = planned(files);
        const batches = batchesOf(order, plan);
        const names = batches.flat().map(({ name, content, part }) => `${name}.${content.format} ${part.index}`);
        expect(names.toSorted()).toEqual(
          files
            .flatMap((rows, place) =>
              PERIODIC_FORMATS.flatMap((format) => rows.map((_, index) => `f${place}.${format} ${index}`)),
            )
            .toSorted(),
        );
        const isSplit = (name: string) => (files[Number(name.slice(1))]?.length ?? 0) > 1;
        for (const batch of batches) {
          expect(batch.length).toBeGreaterThan(0);
          expect(batch.length).toBeLessThanOrEqual(18);
          expect(sumOf(batch.map(({ part }) => part.rows)) <= 100_000 || batch.length === 1).toBe(true);
          expect(batch.length === 1 || !batch.some(({ name }) => isSplit(name))).toBe(true);
        }
        const whole = batches.flat().flatMap(({ name, part }) => (isSplit(name) ? [] : part.rows));
        expect(whole).toEqual(whole.toSorted((one, other) => other - one));
      }),
    );
  });

  it.each([
    [[[1]], 'f0.csv, f0.json and 1 more: 3 rows'],
    [[[5000], [20]], 'f0.csv, f0.json and 4 more: 15,060 rows'],
    [[[200_000]], 'f0.csv: 200,000 rows'],
    [[[7000, 8000]], 'f0.csv, part 1 of 2: 7,000 rows'],
  ])('of %j are described as what they are', (files, summary) => {
    const [order, plan] = planned(files);
    expect(batchSummary(batchesOf(order, plan)[0] ?? [], plan)).toBe(summary);
  });

  it('of files that one order was divided into share steps, as other small files do, and name them', () => {
    const [order, plan] = planned([[60_000, 30, 20, 10]], ['csv'], { rowsPerFile: 60_000 });
    const batches = batchesOf(order, plan);
    expect(batches.map((batch) => batch.map(({ part }) => part.index))).toEqual([[0, 1, 2, 3]]);
    expect(batchSummary(batches[0] ?? [], plan)).toBe('f0-0001.csv, f0-0002.csv and 2 more: 60,060 rows');
    const [large, largePlan] = planned([[90_000, 90_000]], ['csv'], { rowsPerFile: 90_000 });
    const summaries = batchesOf(large, largePlan).map((batch) => batchSummary(batch, largePlan));
    expect(summaries).toEqual(['f0-0001.csv: 90,000 rows', 'f0-0002.csv: 90,000 rows']);
  });

  it('of a split file are in the order of its parts', () => {
    const [order, plan] = planned([[1, 3, 2]], ['csv']);
    expect(batchesOf(order, plan).map(([task]) => task?.part.index)).toEqual([0, 1, 2]);
  });
});
