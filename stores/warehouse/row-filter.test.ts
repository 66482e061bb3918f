import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ColumnType } from '../../config/dataset.ts';
import type { Condition } from '../../contracts/filter.ts';
import { literal } from './sql-text.ts';
import { column, dataset, openReader, order, useWarehouse } from './warehouse-fixture.ts';

/** A column, values that it has besides NULL, and how a plain query compares it. */
interface Tested {
  readonly name: string;
  readonly type: ColumnType;
  readonly stored: string;
  readonly values: readonly string[];
  /** In filters, besides the column's own. */
  readonly others?: readonly string[];
  readonly hasRange: boolean;
  /** SQL of what the plain query compares, and of a value. */
  readonly plain: readonly [sql: string, of: (value: string) => string];
}

const NUMBERS = [
  '0',
  '1',
  '-1',
  '127',
  '128',
  '-129',
  '1.5',
  '-1.5',
  '0.005',
  '99999999999999999999',
  '-99999999999999999999',
];
const exactly = (name: string): Tested['plain'] => [
  `CAST(CAST(${name} AS VARCHAR) AS DECIMAL(38, 12))`,
  (value) => `${literal(value)}::DECIMAL(38, 12)`,
];
function number(name: string, type: ColumnType, stored: string, values: readonly string[]): Tested {
  return { name, type, stored, values, others: NUMBERS, hasRange: true, plain: exactly(name) };
}

const DOUBLES = ['0', '-1.5', '0.1', '1e300', '5e-324', '3.14', '16777217', '9007199254740993'];
function double(name: string, stored: string, values: readonly string[], plain: string): Tested {
  const of = (value: string) => `${literal(value)}::DOUBLE`;
  return {
    name,
    type: 'double',
    stored,
    values,
    others: [...DOUBLES, '9007199254740992'],
    hasRange: true,
    plain: [plain, of],
  };
}

const TEXTS = [
  '',
  'a',
  'A',
  "it's",
  '"',
  '%',
  '_',
  '\\',
  '$waybill_1',
  "'; DROP TABLE filtered; --",
  'é',
  'e\u0301',
  '🙂',
  'z',
  '\n\t',
];
function text(name: string, stored: string, values: readonly string[]): Tested {
  return {
    name,
    type: 'text',
    stored,
    values,
    others: TEXTS,
    hasRange: true,
    plain: [`CAST(${name} AS VARCHAR)`, literal],
  };
}

const instants = (...texts: readonly string[]) => texts.map((one) => `${one.padEnd(26, '0')}Z`);
const TIMES = instants(
  '2020-01-01T00:00:00.',
  '2020-01-01T00:00:00.000001',
  '2020-03-29T01:00:00.',
  '1969-12-31T23:59:59.5',
);
const FAR = instants('0001-01-01T00:00:00.', '9999-12-31T23:59:59.999999');
function instant(
  name: string,
  stored: string,
  values: readonly string[],
  plain = `CAST(${name} AS TIMESTAMP)`,
): Tested {
  const of = (value: string) => `TIMESTAMP ${literal(value.slice(0, -1))}`;
  return { name, type: 'timestamp', stored, values, others: [...TIMES, ...FAR], hasRange: true, plain: [plain, of] };
}

const CLOCK = ['00:00:00', '11:12:47', '11:12:47.000001', '23:59:59.999999'];
const UUIDS = [
  '00000000-0000-0000-0000-000000000000',
  '0b6b7229-1a2a-43c8-bc82-51782230b846',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
];
const asText = (name: string): Tested['plain'] => [`CAST(${name} AS VARCHAR)`, literal];

const COLUMNS: readonly Tested[] = [
  {
    name: 'flag',
    type: 'boolean',
    stored: 'BOOLEAN',
    values: ['true', 'false'],
    hasRange: false,
    plain: asText('flag'),
  },
  number('tiny', 'integer', 'TINYINT', ['0', '1', '-1', '127', '-128']),
  number('long', 'integer', 'BIGINT', ['0', '-1', '9223372036854775807', '-9223372036854775808']),
  number('unsigned', 'integer', 'UBIGINT', ['0', '1', '18446744073709551615']),
  number('huge', 'integer', 'HUGEINT', ['0', '-1', '99999999999999999999', '-99999999999999999999']),
  number('endless', 'integer', 'BIGNUM', ['0', '-1', '128', '99999999999999999999']),
  number('price', 'decimal', 'DECIMAL(9, 2)', ['0', '1.50', '-1.50', '9999999.99']),
  number('precise', 'decimal', 'DECIMAL(38, 10)', ['0', '1.5000000000', '-0.0050000000', '0.0000000001']),
  number('fraction', 'decimal', 'DECIMAL(3, 3)', ['0', '0.005', '-0.999']),
  number('count', 'decimal', 'INTEGER', ['0', '1', '-129']),
  number('digits', 'decimal', 'VARCHAR', [
    '0',
    '-0',
    '-0.00',
    '1.50',
    '1.5',
    '-1.5',
    '12',
    '9',
    '-12',
    '0.005',
    '99999999999999999999',
  ]),
  double('measure', 'DOUBLE', [...DOUBLES, 'nan', 'inf', '-inf', '-0'], 'measure'),
  double('single', 'FLOAT', ['0.1', '-1.5', 'nan', '3.14', '16777216'], 'CAST(CAST(single AS VARCHAR) AS DOUBLE)'),
  double('cents', 'DECIMAL(12, 3)', ['0.1', '3.14', '-1.5'], 'CAST(cents AS DOUBLE)'),
  double('large', 'BIGINT', ['9007199254740993', '9007199254740992', '0'], 'CAST(large AS DOUBLE)'),
  text('name', 'VARCHAR', TEXTS),
  text('kind', "ENUM ('a', 'A', 'é', 'it''s')", ['a', 'A', 'é', "it's"]),
  text('number', 'INTEGER', ['7', '-7', '70']),
  text('code', 'UUID', UUIDS),
  {
    name: 'day',
    type: 'date',
    stored: 'DATE',
    values: ['2020-01-01', '1969-12-31'],
    others: ['0001-01-01', '9999-12-31'],
    hasRange: true,
    plain: ['day', (value) => `DATE ${literal(value)}`],
  },
  {
    name: 'clock',
    type: 'time',
    stored: 'TIME',
    values: CLOCK,
    hasRange: true,
    plain: ['clock', (value) => `TIME ${literal(value)}`],
  },
  {
    name: 'fine',
    type: 'time',
    stored: 'TIME_NS',
    values: [...CLOCK, '11:12:47.000001001'],
    others: CLOCK,
    hasRange: true,
    plain: ['CAST(fine AS VARCHAR)', literal],
  },
  {
    name: 'zoned',
    type: 'time',
    stored: 'TIMETZ',
    values: ['11:12:47+02', '11:12:47-01', '00:00:00+00'],
    others: CLOCK,
    hasRange: true,
    plain: ['CAST(zoned AS TIME)', (value) => `TIME ${literal(value)}`],
  },
  instant('plain', 'TIMESTAMP', TIMES),
  instant('moment', 'TIMESTAMPTZ', TIMES),
  instant('second', 'TIMESTAMP_S', instants('2020-01-01T00:00:00.', '1969-12-31T23:59:59.')),
  instant('milli', 'TIMESTAMP_MS', instants('2020-01-01T00:00:00.', '1969-12-31T23:59:59.5')),
  {
    ...instant('nano', 'TIMESTAMP_NS', [...TIMES, '2020-01-01T00:00:00.000000001Z', '2020-01-01T00:00:00.000001999Z']),
    plain: [
      'CAST(epoch_ns(nano) AS HUGEINT)',
      (value) => `CAST(epoch_us(TIMESTAMP ${literal(value.slice(0, -1))}) AS HUGEINT) * 1000`,
    ],
  },
  instant('midnight', 'DATE', ['2020-01-01', '1969-12-31']),
  { name: 'uid', type: 'uuid', stored: 'UUID', values: UUIDS, hasRange: false, plain: asText('uid') },
  {
    name: 'written',
    type: 'uuid',
    stored: 'VARCHAR',
    values: UUIDS.map((one) => one.toUpperCase()),
    others: UUIDS,
    hasRange: false,
    plain: ['lower(written)', literal],
  },
  { name: 'tree', type: 'json', stored: 'JSON', values: ['null', '{"a":1}'], hasRange: false, plain: asText('tree') },
  { name: 'bytes', type: 'binary', stored: 'BLOB', values: ['', 'a'], hasRange: false, plain: asText('bytes') },
];
const ROWS = 300;

/** Values by a fixed sequence, so that rows are the same each time. */
function createTable(): string {
  let state = 1;
  const next = (below: number) => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
  const rows = Array.from({ length: ROWS }, (_, id) => {
    const cells = COLUMNS.map(({ values, stored }) => {
      const value = [...values, null][next(values.length + 1)] ?? null;
      return value === null ? 'NULL' : `CAST(${literal(value)} AS ${stored})`;
    });
    return `(${id}, 'acme', ${cells.join(', ')})`;
  });
  const types = COLUMNS.map(({ name, stored }) => `${name} ${stored}`).join(', ');
  return `CREATE TABLE filtered (id INTEGER, tenant VARCHAR, ${types}); INSERT INTO filtered VALUES ${rows.join(', ')};`;
}

const TABLE = createTable();
const { read, planFile } = await useWarehouse(TABLE);
const reader = await openReader();
await reader.run(TABLE);

const FILTERED = dataset({
  sql: 'SELECT * FROM filtered',
  columns: [column('id', 'integer'), ...COLUMNS.map(({ name, type }) => column(name, type))],
});

/** In the form in which a filter is recorded. */
function recorded({ type, values, others = [] }: Tested): readonly string[] {
  const own = type === 'timestamp' || type === 'time' || type === 'uuid' ? others : [...values, ...others];
  const forms = (own.length > 0 ? own : values).map((value) => {
    if (type === 'decimal')
      return value
        .replace(/^-(?=0(\.0*)?$)/, '')
        .replace(/(\.\d*?)0+$/, '$1')
        .replace(/\.$/, '');
    return type === 'double' && value === '-0' ? '0' : value;
  });
  return type === 'integer' ? forms.filter((value) => !value.includes('.')) : forms;
}

function conditionOn(tested: Tested): fc.Arbitrary<Condition> {
  const isNull = fc.constant<Condition>({ column: tested.name, op: 'isNull' });
  if (tested.type === 'json' || tested.type === 'binary') return isNull;
  const value = fc
    .constantFrom(...recorded(tested))
    .map((text) => (tested.type === 'boolean' ? text === 'true' : text));
  const finite = value.filter((one) => typeof one !== 'string' || !/^(nan|-?inf)$/.test(one));
  const end = fc.option(finite, { nil: null });
  const range = fc
    .tuple(end, end)
    .filter(([from, to]) => from !== null || to !== null)
    .map(([from, to]): Condition => ({ column: tested.name, op: 'range', from, to }));
  return fc.oneof(
    isNull,
    value.map((one): Condition => ({ column: tested.name, op: 'eq', value: one })),
    fc
      .array(value, { minLength: 1, maxLength: 5 })
      .map((values): Condition => ({ column: tested.name, op: 'in', values })),
    ...(tested.hasRange ? [range] : []),
  );
}

/** The condition as a person would write it in a query of their own. */
function plainly(condition: Condition): string {
  const tested = COLUMNS.find(({ name }) => name === condition.column);
  if (!tested) throw new Error('no such column');
  const [sql, of] = tested.plain;
  const sqlOf = (value: string | boolean) => of(String(value));
  switch (condition.op) {
    case 'isNull':
      return `${tested.name} IS NULL`;
    case 'eq':
      return `${sql} = ${sqlOf(condition.value)}`;
    case 'in':
      return condition.values.map((value) => `${sql} = ${sqlOf(value)}`).join(' OR ');
    case 'range':
      return [
        ...(condition.from === null ? [] : [`${sql} >= ${sqlOf(condition.from)}`]),
        ...(condition.to === null ? [] : [`${sql} <= ${sqlOf(condition.to)}`]),
      ].join(' AND ');
  }
}

async function idsByWaybill(filter: readonly Condition[]): Promise<number[]> {
  const wanted = { ...order({ filter, columns: ['id'] }), window: null };
  const { text: csv, rows } = await read(FILTERED, wanted);
  const ids = csv.trim().split('\n').slice(1).map(Number);
  expect(rows).toBe(ids.length);
  return ids.sort((a, b) => a - b);
}

async function idsByQuery(filter: readonly Condition[]): Promise<number[]> {
  const where = filter.map((condition) => `(${plainly(condition)})`).join(' AND ');
  const result = await reader.runAndReadAll(`SELECT id FROM filtered WHERE ${where} ORDER BY id`);
  return result.getRows().map(([id]) => Number(id));
}

/** Milliseconds, for a machine that does other work besides. */
const PATIENCE = 180_000;

describe('the rows of a filter', { timeout: PATIENCE }, () => {
  it.each(COLUMNS)('on $name, a $stored, are those of a plain query', async (tested) => {
    let found = 0;
    await fc.assert(
      fc.asyncProperty(conditionOn(tested), async (condition) => {
        const ids = await idsByQuery([condition]);
        found += ids.length;
        expect(await idsByWaybill([condition]), plainly(condition)).toEqual(ids);
      }),
      { numRuns: 25 },
    );
    expect(found).toBeGreaterThan(0);
  });

  it('with several conditions are those that meet all', async () => {
    const filter = fc.array(fc.constantFrom(...COLUMNS).chain(conditionOn), { minLength: 2, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(filter, async (conditions) => {
        expect(await idsByWaybill(conditions)).toEqual(await idsByQuery(conditions));
      }),
      { numRuns: 150 },
    );
  });

  it('are counted by the plan', async () => {
    const filter: readonly Condition[] = [{ column: 'tiny', op: 'range', from: '0', to: null }];
    const plan = await planFile(FILTERED, { ...order({ filter }), window: null }, 1000);
    expect(plan.rows).toBe((await idsByQuery(filter)).length);
  });
});
