import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DIVIDED_FILES_MAX } from '../../contracts/order.ts';
import type { PlannedPart } from '../../contracts/plan.ts';
import { addSums } from './row-sum.ts';
import { BIG, BIG_TABLE, order, useWarehouse } from './warehouse-fixture.ts';

const { planFile, read } = await useWarehouse(BIG_TABLE);

/** The first slice begins open, the last one ends open, and each begins where the one before ends. */
function expectTiles(parts: readonly PlannedPart[]): void {
  const ends = [null, ...parts.map(({ slice }) => slice.to)];
  expect(parts.map(({ slice }) => slice.from)).toEqual(ends.slice(0, -1));
  expect(ends.at(-1)).toBeNull();
}

describe('an order of several files', () => {
  it.each([
    ['csv', {}],
    ['jsonl, sealed', { format: 'jsonl', recipients: ['age1x'] }],
    ['parquet', { format: 'parquet' }],
    ['sav', { format: 'sav' }],
    ['zsav', { format: 'zsav' }],
    ['xlsx', { format: 'xlsx' }],
  ] as const)('has files of at most so many rows that tile: %s', async (_, fields) => {
    const plan = await planFile(BIG, order({ ...fields, rowsPerFile: 30_000 }), 1_000_000);
    expect(plan.parts.length).toBeGreaterThanOrEqual(4);
    expect(Math.max(...plan.parts.map(({ rows }) => rows))).toBeLessThanOrEqual(30_000);
    expectTiles(plan.parts);
    const whole = await planFile(BIG, order({ ...fields }), 1_000_000);
    expect(addSums(plan.parts)).toEqual(addSums(whole.parts));
  });

  it('keeps within the limit whatever it is, and never has an empty file', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 150, max: 120_000 }), async (rowsPerFile) => {
        const { parts, rows } = await planFile(BIG, order({ rowsPerFile }), 1_000_000);
        const counts = parts.map((part) => part.rows);
        expect(Math.max(...counts)).toBeLessThanOrEqual(rowsPerFile);
        expect(Math.min(...counts)).toBeGreaterThan(0);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(rows);
        expect(parts.length).toBeLessThanOrEqual(Math.ceil((rows / rowsPerFile) * 1.35) + 1);
        expectTiles(parts);
      }),
      { numRuns: 15, examples: [[100_000], [99_999], [50_000], [33_334], [150]] },
    );
  });

  it('begins each CSV file with the header and the byte order mark', async () => {
    const csv = { ...order().csv, bom: true };
    const wanted = order({ rowsPerFile: 40_000, csv });
    const { parts, snapshotAt } = await planFile(BIG, wanted, 1_000_000);
    const heads = await Promise.all(
      parts.map(async (part) => (await read(BIG, wanted, { ...part, first: true, snapshotAt })).text.split('\n')[0]),
    );
    expect(new Set(heads).size).toBe(1);
    expect(heads[0]).toMatch(/^\uFEFF/);
  });

  it('keeps rows of one time together, in one file of more rows', async () => {
    const sql = `SELECT * REPLACE (
      CASE WHEN id % 4 = 0 THEN TIMESTAMP '2020-01-01' ELSE created END AS created, NULL::TIMESTAMP AS modified) FROM big`;
    const { parts, rows } = await planFile({ ...BIG, sql }, order({ rowsPerFile: 20_000 }), 1_000_000);
    expect(rows).toBe(100_000);
    expect(Math.max(...parts.map((part) => part.rows))).toBeGreaterThanOrEqual(50_000);
    expect(parts.length).toBeGreaterThan(1);
    expectTiles(parts);
    expect(Math.min(...parts.map((part) => part.rows))).toBeGreaterThan(0);
  });

  it.each([
    ['a dataset without times', { ...BIG, createdColumn: null, modifiedColumn: null }, 10],
    ['fewer rows than one file holds', BIG, 100_000],
    [
      'rows that all have one time',
      { ...BIG, sql: "SELECT * REPLACE (TIMESTAMP '2020-01-01' AS created, NULL::TIMESTAMP AS modified) FROM big" },
      1000,
    ],
  ])('is one file of %s', async (_, set, rowsPerFile) => {
    expect((await planFile(set, order({ rowsPerFile }), 1_000_000)).parts).toMatchObject([{ rows: 100_000 }]);
  });

  it('of auto has as many rows in a file as a part has', async () => {
    const auto = (partRows: number) => planFile(BIG, order({ rowsPerFile: 'auto', recipients: ['age1x'] }), partRows);
    expect((await auto(100_000)).parts).toHaveLength(1);
    expect((await auto(60_000)).parts).toHaveLength(2);
  });

  it('is refused where it would have too many files', async () => {
    const rowsPerFile = 100_000 / DIVIDED_FILES_MAX - 1;
    const refused = planFile(BIG, order({ rowsPerFile }), 1_000_000);
    await expect(refused).rejects.toMatchObject({ code: 'too_many_files' });
    // What it advises is enough.
    const advised = await refused.catch(({ message }: Error) => Number(/Order ([\d,]+) rows/.exec(message)?.[1]));
    expect((await planFile(BIG, order({ rowsPerFile: Number(advised) }), 1_000_000)).rows).toBe(100_000);
  });
});
