import { describe, expect, test } from 'vitest';
import { COLUMN_TYPES, type Dataset } from '../../config/dataset.ts';
import { RequestedFilter } from '../../contracts/filter.ts';
import { readFilter } from './filter.ts';

/** A column of each type, named like it. */
const THINGS: Dataset = {
  name: 'THINGS',
  title: 'Things',
  sql: 'SELECT 1',
  tenantColumn: 'tenant',
  createdColumn: null,
  modifiedColumn: null,
  key: [],
  columns: COLUMN_TYPES.map((type) => ({ name: type, header: type, type, label: null, valueLabels: null })),
  parameters: [],
  formats: ['csv'],
  deletedColumn: null,
  doors: ['on-demand'],
};

const read = (...conditions: readonly unknown[]) => readFilter(RequestedFilter.parse(conditions), THINGS);

describe('a value is recorded in one form', () => {
  test.each([
    ['boolean', true, true],
    ['boolean', 'false', false],
    ['integer', 12, '12'],
    ['integer', -0, '0'],
    ['integer', '-007', '-7'],
    ['integer', '170141183460469231731687303715884105728', '170141183460469231731687303715884105728'],
    ['decimal', 12.5, '12.5'],
    ['decimal', '012.500', '12.5'],
    ['decimal', '-0.00', '0'],
    ['decimal', '100', '100'],
    ['decimal', '0.10000000000000000000000000001', '0.10000000000000000000000000001'],
    ['double', 1e300, '1e+300'],
    ['double', '1E300', '1e+300'],
    ['double', '.5', '0.5'],
    ['double', -0, '0'],
    ['double', 'NaN', 'nan'],
    ['double', '-inf', '-inf'],
    ['text', '', ''],
    ['text', "'; DROP TABLE x; --\n", "'; DROP TABLE x; --\n"],
    ['date', '2012-02-29', '2012-02-29'],
    ['time', '11:12', '11:12:00'],
    ['time', '11:12:47.500000', '11:12:47.5'],
    ['timestamp', '2012-09-05T13:12:47+02:00', '2012-09-05T11:12:47.000000Z'],
    ['uuid', '0B6B7229-1A2A-43C8-BC82-51782230B846', '0b6b7229-1a2a-43c8-bc82-51782230b846'],
  ])('%s %j', (column, value, recorded) => {
    expect(read({ column, op: 'eq', value })).toEqual({ filter: [{ column, op: 'eq', value: recorded }], errors: [] });
  });
});

test('filters that mean the same are the same', () => {
  const one = read(
    { column: 'integer', op: 'in', values: [2, '1', 2] },
    { column: 'decimal', op: 'range', from: '1.0' },
    { column: 'text', op: 'isNull' },
  );
  const other = read(
    { column: 'text', op: 'isNull' },
    { column: 'integer', op: 'in', values: ['01', '02'] },
    { column: 'decimal', op: 'range', from: 1, to: null },
    { column: 'text', op: 'isNull' },
  );
  expect(one.errors).toEqual([]);
  expect(one.filter).toHaveLength(3);
  expect(other).toEqual(one);
});

describe('refused is', () => {
  test.each([
    ['boolean', 1],
    ['boolean', 'yes'],
    ['integer', 1.5],
    ['integer', '1.5'],
    ['integer', 2 ** 53],
    ['integer', true],
    ['integer', '9'.repeat(101)],
    ['decimal', 0.1234567890123456],
    ['decimal', 1e21],
    ['decimal', '1e3'],
    ['decimal', '.5'],
    ['decimal', 'nan'],
    ['double', 'one'],
    ['double', '1e999'],
    ['double', ''],
    ['text', 1],
    ['text', 'a\0b'],
    ['text', '\ud800'],
    ['text', 'x'.repeat(501)],
    ['date', '2012-02-30'],
    ['date', '2012-02-29T00:00:00Z'],
    ['time', '24:00'],
    ['time', '11:12:47.1234567'],
    ['timestamp', 'yesterday'],
    ['timestamp', '2012-09-05T11:12:47.1234567Z'],
    ['uuid', '0b6b7229'],
  ])('%s %j', (column, value) => {
    const { errors } = read({ column: 'text', op: 'isNull' }, { column, op: 'eq', value });
    expect(errors).toEqual([
      {
        field: 'filter.1.value',
        code: 'invalid_field',
        message: expect.stringMatching(/^filter\.1\.value: Should be .*\.$/),
      },
    ]);
    expect(read({ column, op: 'in', values: [value] }).errors[0]?.field).toBe('filter.0.values.0');
  });

  test.each([
    ['an unknown column', { column: 'integr', op: 'isNull' }, 'filter.0.column', 'did you mean integer?'],
    ['a column in another case', { column: 'Integer', op: 'isNull' }, 'filter.0.column', 'did you mean integer?'],
    ['an unlike column', { column: 'zzzzzz', op: 'isNull' }, 'filter.0.column', 'Its columns are boolean, integer'],
    ['a value of JSON', { column: 'json', op: 'eq', value: '{}' }, 'filter.0.op', 'use isNull'],
    ['bytes', { column: 'binary', op: 'in', values: [''] }, 'filter.0.op', 'use isNull'],
    ['a range of booleans', { column: 'boolean', op: 'range', from: true }, 'filter.0.op', 'use eq or in or isNull'],
    ['a range without ends', { column: 'integer', op: 'range' }, 'filter.0', 'from, to, or both'],
    ['a reversed range', { column: 'integer', op: 'range', from: 10, to: '9' }, 'filter.0', 'greater'],
    ['a reversed range of texts', { column: 'text', op: 'range', from: 'b', to: 'a' }, 'filter.0', 'greater'],
    ['a range up to infinity', { column: 'double', op: 'range', to: 'inf' }, 'filter.0.to', 'finite'],
  ])('%s', (_name, condition, field, sentence) => {
    const { errors, filter } = read(condition);
    expect(errors).toMatchObject([{ field, message: expect.stringContaining(sentence) }]);
    expect(filter).toEqual([]);
  });

  test.each([
    [[{ column: 'text', op: 'like', value: 'a%' }]],
    [[{ column: 'text', op: 'eq' }]],
    [[{ column: 'text', op: 'eq', value: null }]],
    [[{ column: 'text', op: 'eq', value: 'a', not: true }]],
    [[{ column: 'text', op: 'in', values: [] }]],
    [[{ column: 'integer', op: 'in', values: Array.from({ length: 1001 }, (_, i) => i) }]],
    [Array.from({ length: 21 }, () => ({ column: 'text', op: 'isNull' }))],
    [[{ op: 'isNull' }]],
    [['text=a']],
    [{ column: 'text', op: 'isNull' }],
  ])('the form %#', (sent) => {
    expect(RequestedFilter.safeParse(sent).success).toBe(false);
  });
});

test('an anonymized column cannot be filtered by', () => {
  const [column] = THINGS.columns;
  const columns = [
    {
      name: 'who',
      header: 'Who',
      type: 'text' as const,
      label: null,
      valueLabels: null,
      anonymizedFrom: 'text' as const,
    },
  ];
  const dataset = { ...THINGS, columns: column ? [column, ...columns] : columns };
  const { errors } = readFilter(RequestedFilter.parse([{ column: 'who', op: 'eq', value: 'Ada' }]), dataset);
  expect(errors).toMatchObject([
    { code: 'unknown_column', message: 'filter.0.column: who is anonymized; rows cannot be chosen by it.' },
  ]);
});
