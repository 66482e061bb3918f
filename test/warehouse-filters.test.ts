import fc from 'fast-check';
import type { Client } from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ColumnType, Dataset } from '../config/dataset.ts';
import type { Condition } from '../contracts/filter.ts';
import { explainDataset } from '../stores/warehouse/explain.ts';
import type { WarehouseOptions } from '../stores/warehouse/session.ts';
import { at, column, dataset, never, order } from '../stores/warehouse/warehouse-fixture.ts';
import { attachTables, type Exporting } from './postgres-tables.ts';

const TEXTS = ['', 'a', 'A', 'é', 'Z', "it''s", '\\', '%', "\\'' OR true --"];

/** Every column with an index of its own; `ci` holds texts for equal that differ in case only. */
const TABLES = `
  CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  CREATE TYPE kind AS ENUM ('a', 'A', 'b');
  CREATE UNLOGGED TABLE things (tenant text, id integer, flag boolean, tiny smallint, long bigint, price numeric(9, 2), amount numeric,
    measure double precision, single real, name text COLLATE ci, word text COLLATE "und-x-icu", kind kind, code uuid, day date,
    clock time, plain timestamp, moment timestamptz, created timestamptz);
  INSERT INTO things
    SELECT 'acme', i, CASE WHEN i % 3 > 0 THEN i % 3 = 1 END, i % 7 - 3, CASE WHEN i % 5 > 0 THEN i % 5 * 1152921504606846976 END,
      (i % 11 - 5) * 1.25, CASE WHEN i % 4 > 0 THEN (i % 13 - 6) / 7.0 END, CASE WHEN i % 17 = 0 THEN 'NaN' ELSE (i % 6 - 2) / 4.0 END,
      (i % 9) / 10.0, (ARRAY['${TEXTS.join("','")}'])[i % 10 + 1], (ARRAY['${TEXTS.join("','")}'])[i % 10 + 1],
      (ARRAY['a', 'A', 'b']::kind[])[i % 4 + 1], ('00000000-0000-0000-0000-' || lpad((i % 5)::text, 12, '0'))::uuid,
      date '2020-01-01' + i % 3, time '11:00' + i % 4 * interval '1 second', timestamp '2020-01-01' + i % 3 * interval '1 microsecond',
      timestamptz '2020-01-01 00:00:00+00' + i % 5 * interval '1 day', timestamptz '2020-01-01 00:00:00+00' + i * interval '1 minute'
    FROM generate_series(1, 1000) i;
  INSERT INTO things (tenant, id, tiny) VALUES ('other', 0, 1);
  CREATE INDEX ON things (tiny);
  CREATE INDEX ON things (word);
  CREATE INDEX ON things (moment);
`;

let client: Client;
let options: WarehouseOptions;
let exported: Exporting;

beforeAll(async () => {
  ({ client, options, exported } = await attachTables(TABLES));
});

interface Tested {
  readonly type: ColumnType;
  readonly values: readonly (string | boolean)[];
  /** SQL of PostgreSQL that compares as DuckDB does. */
  readonly plain?: string;
  readonly hasRange?: boolean;
}

const PLAIN_TEXTS = TEXTS.map((text) => text.replace("''", "'"));
const COLUMNS: Readonly<Record<string, Tested>> = {
  id: { type: 'integer', values: ['1', '500', '99999999999999999999'] },
  flag: { type: 'boolean', values: [true, false], hasRange: false },
  tiny: { type: 'integer', values: ['0', '-3', '2', '40000', '-40000'] },
  long: { type: 'integer', values: ['1152921504606846976', '4611686018427387904', '9'] },
  price: { type: 'decimal', values: ['1.25', '-1.25', '0', '1.255', '99999999'] },
  measure: { type: 'double', values: ['0.5', '-0.25', '0', '0.75'] },
  single: { type: 'double', values: ['0.1', '0.3', '0.8'], plain: 'single::text::double precision' },
  name: { type: 'text', values: PLAIN_TEXTS, plain: 'name COLLATE "C"' },
  word: { type: 'text', values: PLAIN_TEXTS, plain: 'word COLLATE "C"' },
  kind: { type: 'text', values: ['a', 'A', 'c'], plain: 'kind::text COLLATE "C"' },
  code: {
    type: 'uuid',
    values: ['00000000-0000-0000-0000-000000000001', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
    hasRange: false,
  },
  day: { type: 'date', values: ['2020-01-02', '2020-01-03', '0001-01-01', '9999-12-31'] },
  clock: { type: 'time', values: ['11:00:01', '11:00:02.5'] },
  plain: {
    type: 'timestamp',
    values: ['2020-01-01T00:00:00.000001Z', '0001-01-01T00:00:00.000000Z'],
    plain: "(plain AT TIME ZONE 'UTC')",
  },
  moment: { type: 'timestamp', values: ['2020-01-03T00:00:00.000000Z', '9999-12-31T23:59:59.999999Z'] },
};

function conditionOn(name: string, { values, hasRange = true }: Tested): fc.Arbitrary<Condition> {
  const value = fc.constantFrom(...values);
  const end = fc.option(value, { nil: null });
  return fc.oneof(
    fc.constant<Condition>({ column: name, op: 'isNull' }),
    value.map((one): Condition => ({ column: name, op: 'eq', value: one })),
    fc
      .array(value, { minLength: 1, maxLength: 4 })
      .map((list): Condition => ({ column: name, op: 'in', values: list })),
    ...(hasRange
      ? [
          fc
            .tuple(end, end)
            .filter(([from, to]) => from !== null || to !== null)
            .map(([from, to]): Condition => ({ column: name, op: 'range', from, to })),
        ]
      : []),
  );
}

/** @param of returns SQL of a value */
function plainly(condition: Condition, sql: string, of: (value: string | boolean) => string): string {
  switch (condition.op) {
    case 'isNull':
      return `${condition.column} IS NULL`;
    case 'eq':
      return `${sql} = ${of(condition.value)}`;
    case 'in':
      return `(${condition.values.map((value) => `${sql} = ${of(value)}`).join(' OR ')})`;
    case 'range':
      return [
        ...(condition.from === null ? [] : [`${sql} >= ${of(condition.from)}`]),
        ...(condition.to === null ? [] : [`${sql} <= ${of(condition.to)}`]),
      ].join(' AND ');
  }
}

const CASTS: Partial<Readonly<Record<ColumnType, string>>> = {
  integer: 'numeric',
  decimal: 'numeric',
  double: 'double precision',
  timestamp: 'timestamptz',
};

/** @returns ids by a query of PostgreSQL alone */
async function idsByPostgres(
  filter: readonly Condition[],
  columns: Readonly<Record<string, Tested>>,
): Promise<number[]> {
  const values: unknown[] = ['acme'];
  const conditions = filter.map((condition) => {
    const { plain = condition.column, type } = columns[condition.column] ?? { type: 'text' };
    return plainly(condition, plain, (value) => `$${values.push(String(value))}::${CASTS[type] ?? type}`);
  });
  const where = ['tenant = $1', ...conditions].join(' AND ');
  const { rows } = await client.query<{ id: number }>(`SELECT id FROM things WHERE ${where} ORDER BY id`, values);
  return rows.map(({ id }) => id);
}

/** Without the column `amount`, DuckDB reads the table itself; with it, a query of Waybill's own does. */
function things(columns: Readonly<Record<string, Tested>>): Dataset {
  return dataset({
    sql: 'SELECT * FROM wh.things',
    createdColumn: 'created',
    columns: Object.entries(columns).map(([name, { type }]) => column(name, type)),
  });
}

const WIDE = { ...COLUMNS, amount: { type: 'decimal', values: ['0', '-0.14285714285714285714', '0.5'] } } as const;

describe.each<[string, Readonly<Record<string, Tested>>]>([
  ['DuckDB reads', COLUMNS],
  ['a query of Waybill reads', WIDE],
])('of a table of PostgreSQL that %s', (_reader, columns) => {
  it('the rows of a filter are those of a query of PostgreSQL', async () => {
    const condition = fc.constantFrom(...Object.entries(columns)).chain(([name, tested]) => conditionOn(name, tested));
    const window = fc.constantFrom(null, {
      from: at('2020-01-01'),
      to: at('2020-01-02'),
      bounds: 'half-open',
    } as const);
    let found = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(condition, { minLength: 1, maxLength: 2 }), window, async (filter, within) => {
        const lines = await exported(things(columns), { filter, window: within, columns: ['id'] });
        const ids = lines.map((line) => (JSON.parse(line) as { id: number }).id).sort((a, b) => a - b);
        found += ids.length;
        expect(ids).toEqual(await idsByPostgres(filter, columns));
      }),
      { numRuns: 150 },
    );
    expect(found).toBeGreaterThan(0);
  });

  it.each<[Condition, RegExp]>([
    [{ column: 'tiny', op: 'eq', value: '2' }, /"?tiny"? = /],
    [{ column: 'tiny', op: 'in', values: ['1', '2'] }, /"?tiny"? (?:IN|=|>=) /],
    [{ column: 'word', op: 'eq', value: 'a' }, /"?word"?(?:::text)? (?:=|IN) /],
    [{ column: 'moment', op: 'range', from: '2020-01-03T00:00:00.000000Z', to: null }, /"?moment"? >= /],
    [{ column: 'price', op: 'range', from: null, to: '1.255' }, /"?price"? <= /],
  ])('PostgreSQL gets %j', async (condition, pattern) => {
    const wanted = { ...order({ filter: [condition] }), window: null };
    const { postgres } = await explainDataset(options, things(columns), wanted, never);
    expect(postgres.map(({ sql }) => sql).join('\n')).toMatch(pattern);
  });
});
