import { describe, expect, it } from 'vitest';
import { addSums } from './row-sum.ts';
import { BIG, BIG_TABLE, EVERYTHING, order, TIMES, TIMES_TABLE, useWarehouse } from './warehouse-fixture.ts';

const { planFile, read } = await useWarehouse(TIMES_TABLE + BIG_TABLE);

describe('a plan', () => {
  it('cuts parts that are exact, disjoint and, concatenated, the whole', async () => {
    const plan = await planFile(BIG, order(), 9_000);
    expect(plan.rows).toBe(100_000);
    expect(plan.parts.length).toBeGreaterThan(8);
    expect(plan.parts.map((part) => part.index)).toEqual(plan.parts.map((_, i) => i));
    const lines: string[] = [];
    for (const part of plan.parts) {
      const { text, rows } = await read(BIG, order(), {
        ...part,
        first: part.index === 0,
        snapshotAt: plan.snapshotAt,
      });
      expect(rows).toBe(part.rows);
      expect(rows).toBeGreaterThan(0);
      lines.push(...text.split('\n').slice(0, -1));
    }
    const whole = await read(BIG, order(), { ...EVERYTHING, snapshotAt: plan.snapshotAt });
    expect(lines.toSorted()).toEqual(whole.text.split('\n').slice(0, -1).toSorted());
  });

  it.each([
    { title: 'a sealed order', set: BIG, fields: { recipients: ['age1x'] } },
    { title: 'a dataset without times', set: { ...BIG, createdColumn: null, modifiedColumn: null }, fields: {} },
    {
      title: 'rows that all have one time',
      set: {
        ...BIG,
        sql: "SELECT * REPLACE (TIMESTAMP '2020-01-01' AS created, NULL::TIMESTAMP AS modified) FROM big",
      },
      fields: {},
    },
  ])('keeps all rows of $title', async ({ set, fields }) => {
    const { rows, parts } = await planFile(set, order(fields), 9_000);
    expect(parts.filter((part) => part.rows > 0)).toMatchObject([{ rows }]);
    expect(rows).toBe(100_000);
  });

  it('cuts rows of a dataset that has a column named like one of ours', async () => {
    const set = { ...BIG, sql: 'SELECT *, id AS slice, id AS day, id AS tally FROM big' };
    const [plan, plain] = [await planFile(set, order(), 9_000), await planFile(BIG, order(), 9_000)];
    // Where parts are cut depends on which thread of DuckDB reads what.
    expect(plan.parts.length).toBe(plain.parts.length);
    expect(addSums(plan.parts)).toEqual(addSums(plain.parts));
  });

  it('of mixed column types counts rows without a time, and dates, exactly', async () => {
    const plan = await planFile(TIMES, order(), 3);
    const results = await Promise.all(
      plan.parts.map((part) => read(TIMES, order(), { ...part, first: false, snapshotAt: plan.snapshotAt })),
    );
    expect(results.map(({ rows }) => rows)).toEqual(plan.parts.map(({ rows }) => rows));
    expect(plan.parts.length).toBeGreaterThan(2);
    expect(plan.rows).toBe(29);
  });

  it('names the columns in the order of the order', async () => {
    const plan = await planFile(BIG, order({ columns: ['name', 'id'] }), 1_000_000);
    expect(plan.columns.map(({ name }) => name)).toEqual(['name', 'id']);
    await expect(planFile(BIG, order({ columns: ['nope'] }), 1)).rejects.toMatchObject({
      code: 'unknown_column',
    });
  });
});
