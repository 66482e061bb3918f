import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ColumnType } from '../../config/dataset.ts';
import type { FileOrder } from '../../contracts/order.ts';
import { BIG, BIG_TABLE, column, dataset, order, useWarehouse } from './warehouse-fixture.ts';

const { read } = await useWarehouse(BIG_TABLE);
const ROWS: FileOrder = { ...order(), window: null, format: 'rows-json' };

describe('an array of arrays', () => {
  it.each<[ColumnType, string, string]>([
    ['boolean', 'true', 'true'],
    ['integer', '9223372036854775807', '9223372036854775807'],
    ['integer', '170141183460469231731687303715884105727::HUGEINT', '"170141183460469231731687303715884105727"'],
    ['decimal', '1.10::DECIMAL(10,2)', '"1.10"'],
    ['double', "'NaN'::DOUBLE", 'null'],
    ['double', '0.1::FLOAT', '0.1'],
    ['text', `'"' || chr(92) || chr(10) || ',😀'`, '"\\"\\\\\\n,😀"'],
    ['text', "''", '""'],
    ['text', 'NULL::VARCHAR', 'null'],
    ['timestamp', "TIMESTAMP '2012-09-05 11:12:47'", '"2012-09-05T11:12:47.000000Z"'],
    ['json', `'{"a":[1.10,NaN]}'::JSON`, '{"a":[1.10,null]}'],
    ['json', 'NULL::JSON', 'null'],
    ['binary', "'\\x00\\xFF'::BLOB", '"AP8="'],
  ])('has a %s of %s as JSONL has it', async (type, sql, json) => {
    const set = dataset({ sql: `SELECT 'acme' AS tenant, ${sql} AS v`, columns: [column('v', type, 'V, "quoted"')] });
    const { text, rows } = await read(set, ROWS);
    expect(text).toBe(`[["V, \\"quoted\\""]\n,[${json}]\n]\n`);
    expect(rows).toBe(1);
  });

  it('of no rows has the header only', async () => {
    const set = dataset({ sql: "SELECT 'acme' AS tenant, 1 AS v WHERE false", columns: [column('v', 'integer')] });
    expect((await read(set, ROWS)).text).toBe('[["v"]\n\n]\n');
  });

  it('has the rows of many blocks, in the order of columns that was asked for', async () => {
    const { text, rows } = await read(BIG, { ...ROWS, columns: ['name', 'id'] });
    const parsed = JSON.parse(text) as unknown[][];
    expect(parsed[0]).toEqual(['name', 'id']);
    expect(parsed.length - 1).toBe(rows);
    expect(parsed.every((row) => row.length === 2)).toBe(true);
    expect(new Set(parsed.slice(1).map(([, id]) => id)).size).toBe(100_000);
  });

  it('is JSON whatever mix of columns there is', async () => {
    const value = fc.constantFrom<[ColumnType, string]>(
      ['integer', '7'],
      ['text', `'"],['`],
      ['json', `'["]"]'::JSON`],
      ['json', 'NULL::JSON'],
      ['decimal', 'NULL::DECIMAL(4,1)'],
    );
    await fc.assert(
      fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 6 }), async (values) => {
        const select = values.map(([, sql], index) => `${sql} AS c${index}`).join(', ');
        const set = dataset({
          sql: `SELECT 'acme' AS tenant, ${select} FROM range(2)`,
          columns: values.map(([type], index) => column(`c${index}`, type)),
        });
        const [head, ...rows] = JSON.parse((await read(set, ROWS)).text) as unknown[][];
        expect(head).toEqual(values.map((_, index) => `c${index}`));
        const expected = values.map(
          ([, sql]) => ({ '7': 7, [`'"],['`]: '"],[', [`'["]"]'::JSON`]: [']'] })[sql] ?? null,
        );
        expect(rows).toEqual([expected, expected]);
      }),
      { numRuns: 30 },
    );
  });
});
