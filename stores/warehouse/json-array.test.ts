import { describe, expect, it } from 'vitest';
import type { ColumnType } from '../../config/dataset.ts';
import type { FileOrder } from '../../contracts/order.ts';
import {
  BIG,
  BIG_TABLE,
  column,
  dataset,
  EVERYTHING,
  never,
  order,
  TIMES,
  TIMES_TABLE,
  useWarehouse,
} from './warehouse-fixture.ts';

const { planFile, read, warehouse } = await useWarehouse(TIMES_TABLE + BIG_TABLE);

const WHOLE: FileOrder = { ...order(), window: null };
const ARRAY: FileOrder = { ...WHOLE, format: 'json' };

describe('a JSON array', () => {
  it.each<[ColumnType, string, string | null]>([
    ['boolean', 'true', 'true'],
    ['integer', '9223372036854775807', '9223372036854775807'],
    ['integer', '170141183460469231731687303715884105727::HUGEINT', '170141183460469231731687303715884105727'],
    ['decimal', '1.10::DECIMAL(10,2)', '1.10'],
    ['double', '0.1::FLOAT', '0.1'],
    ['double', '1e300::DOUBLE', '1e+300'],
    ['double', "'NaN'::DOUBLE", 'nan'],
    ['double', "'-inf'::DOUBLE", '-inf'],
    ['text', `'"' || chr(92) || chr(10) || chr(1) || '😀'`, '"\\\n\u0001😀'],
    ['text', "''", ''],
    ['text', 'NULL::VARCHAR', null],
    ['date', "DATE '0099-01-02'", '0099-01-02'],
    ['time', "TIME '23:59:59.000001'", '23:59:59.000001'],
    ['timestamp', "TIMESTAMP '2012-09-05 11:12:47.000001'", '2012-09-05T11:12:47.000001Z'],
    ['uuid', "UUID '5ed2b9a3-9c47-4e08-8f70-9f1b5f5a4b2a'", '5ed2b9a3-9c47-4e08-8f70-9f1b5f5a4b2a'],
    ['json', "[{'a': 'x\"'}]", '[{"a":"x\\""}]'],
    ['json', 'NULL::INTEGER[]', null],
    ['binary', "'\\x00\\xFF'::BLOB", 'AP8='],
  ])('has a %s of %s as the text that CSV holds', async (type, sql, text) => {
    const set = dataset({ sql: `SELECT 'acme' AS tenant, ${sql} AS v`, columns: [column('v', type)] });
    const json = await read(set, ARRAY);
    expect(JSON.parse(json.text)).toEqual([{ v: text }]);
    expect(json.rows).toBe(1);
  });

  it('of no rows is an empty one', async () => {
    const set = dataset({ sql: "SELECT 'acme' AS tenant, 1 AS v WHERE false", columns: [column('v', 'integer')] });
    const { text, rows } = await read(set, ARRAY);
    expect(JSON.parse(text)).toEqual([]);
    expect(rows).toBe(0);
  });

  it('has the rows of the CSV, in its order', async () => {
    const [csv, json] = await Promise.all([
      read(BIG, { ...WHOLE, columns: ['id'] }),
      read(BIG, { ...ARRAY, columns: ['id'] }),
    ]);
    const rows = JSON.parse(json.text) as { readonly id: string }[];
    expect(rows.map(({ id }) => id)).toEqual(csv.text.trim().split('\n').slice(1));
    expect(rows).toHaveLength(100_000);
  });
});

describe('files planned together', () => {
  it('have one snapshot time, one part each where the format cannot be split, and counts that hold when they are read', async () => {
    const plans = await warehouse.plan(
      [
        { dataset: BIG, order: ARRAY },
        { dataset: TIMES, order: ARRAY },
      ],
      1000,
      never,
    );
    expect(new Set(plans.map(({ snapshotAt }) => snapshotAt)).size).toBe(1);
    expect(plans.map(({ parts }) => parts.length)).toEqual([1, 1]);
    for (const [index, set] of [BIG, TIMES].entries()) {
      const plan = plans[index];
      const { rows } = await read(set, ARRAY, { ...EVERYTHING, snapshotAt: plan?.snapshotAt ?? EVERYTHING.snapshotAt });
      expect(rows).toBe(plan?.rows);
    }
  });

  it('have every row, with or without a time, and more than any window', async () => {
    const [whole] = await warehouse.plan([{ dataset: TIMES, order: WHOLE }], 1, never);
    const windowed = await planFile(TIMES, order(), 1_000_000);
    expect(whole?.rows).toBeGreaterThan(windowed.rows);
  });

  it('name the dataset that does not fit', async () => {
    const broken = dataset({ name: 'BROKEN', sql: 'SELECT nothing FROM nowhere', columns: [column('v', 'text')] });
    const orders = [BIG, broken].map((set) => ({ dataset: set, order: WHOLE }));
    await expect(warehouse.plan(orders, 1000, never)).rejects.toMatchObject({
      code: 'dataset_broken',
      message: expect.stringContaining('BROKEN'),
    });
  });
});
