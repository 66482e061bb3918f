import { afterAll, describe, expect, it } from 'vitest';
import { BIG, BIG_TABLE, TIMES, TIMES_TABLE } from './tables-fixture.ts';
import { EVERYTHING, never, openTestWarehouse, order, planFile, readAll } from './warehouse-fixture.ts';

const { warehouse, close } = await openTestWarehouse(TIMES_TABLE + BIG_TABLE);
afterAll(close);

describe('a plan', () => {
  it('cuts parts that are exact, disjoint and, concatenated, the whole', async () => {
    const plan = await planFile(warehouse, BIG, order(), 9_000, never);
    expect(plan.rows).toBe(100_000);
    expect(plan.parts.length).toBeGreaterThan(8);
    expect(plan.parts.map((part) => part.index)).toEqual(plan.parts.map((_, i) => i));
    const lines: string[] = [];
    for (const part of plan.parts) {
      const { text, rows } = await readAll(
        warehouse.read(BIG, order(), { ...part, first: part.index === 0, snapshotAt: plan.snapshotAt }, never),
      );
      expect(rows).toBe(part.rows);
      expect(rows).toBeGreaterThan(0);
      lines.push(...text.split('\n').slice(0, -1));
    }
    const whole = await readAll(warehouse.read(BIG, order(), { ...EVERYTHING, snapshotAt: plan.snapshotAt }, never));
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
    const { rows, parts } = await planFile(warehouse, set, order(fields), 9_000, never);
    expect(parts.filter((part) => part.rows > 0)).toMatchObject([{ rows }]);
    expect(rows).toBe(100_000);
  });

  it('of mixed column types counts rows without a time, and dates, exactly', async () => {
    const plan = await planFile(warehouse, TIMES, order(), 3, never);
    const read = await Promise.all(
      plan.parts.map((part) =>
        readAll(warehouse.read(TIMES, order(), { ...part, first: false, snapshotAt: plan.snapshotAt }, never)),
      ),
    );
    expect(read.map(({ rows }) => rows)).toEqual(plan.parts.map(({ rows }) => rows));
    expect(plan.parts.length).toBeGreaterThan(2);
    expect(plan.rows).toBe(29);
  });

  it('names the columns in the order of the order', async () => {
    const plan = await planFile(warehouse, BIG, order({ columns: ['name', 'id'] }), 1_000_000, never);
    expect(plan.columns.map(({ name }) => name)).toEqual(['name', 'id']);
    await expect(planFile(warehouse, BIG, order({ columns: ['nope'] }), 1, never)).rejects.toMatchObject({
      code: 'unknown_column',
    });
  });
});
