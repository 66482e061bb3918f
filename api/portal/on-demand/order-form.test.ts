import { expect, it } from 'vitest';
import { createCatalog } from '../../../config/catalog.ts';
import type { Dataset } from '../../../config/dataset.ts';
import { formProblems, orderBody, readOrderForm } from './order-form.ts';

const column = (name: string) => ({ name, header: name, type: 'text', label: null, valueLabels: null }) as const;
const DATASET: Dataset = {
  ...{
    name: 'NOTES',
    title: 'Notes',
    sql: 'select 1',
    tenantColumn: 'tenant',
    createdColumn: 'at',
    modifiedColumn: null,
  },
  ...{ key: ['id'], formats: ['csv', 'parquet'], deletedColumn: null, doors: ['on-demand'] },
  columns: [column('id'), column('name')],
  parameters: [
    { name: 'about', type: 'text', required: false, title: null },
    { name: 'count', type: 'integer', required: false, title: null },
  ],
};
const CATALOG = createCatalog([DATASET]);
const ZONE = 'Europe/Amsterdam';

function bodyOf(fields: Readonly<Record<string, string>>, columns: readonly string[] = []) {
  const query = new URLSearchParams(fields);
  for (const name of columns) query.append('columns', name);
  const form = readOrderForm(CATALOG, query);
  if (!form) throw new Error('no form');
  return orderBody(form, ZONE);
}

it.each([
  ['from', '2026-10-01T00:00', '2026-09-30T22:00:00.000000Z'],
  ['from', '2026-10-01T00:00:30', '2026-09-30T22:00:30.000000Z'],
  // The clock skips 02:00 to 03:00, and repeats 02:00 to 03:00 in autumn: the earlier one, as browsers do.
  ['from', '2026-03-29T02:30', '2026-03-29T01:30:00.000000Z'],
  ['from', '2026-10-25T02:30', '2026-10-25T00:30:00.000000Z'],
  ['to', '2026-10-31T23:59', '2026-10-31T22:59:59.999999Z'],
  ['to', '2026-10-31T23:59:30', '2026-10-31T22:59:30.999999Z'],
  ['from', '', '0001-01-01T00:00:00.000000Z'],
  ['to', '', '9999-12-31T23:59:59.999999Z'],
] as const)('%s %j is %s', (id, local, instant) => {
  const { body, problems } = bodyOf({ [id]: local });
  expect(problems).toEqual([]);
  expect(body[id === 'from' ? 'startDate' : 'endDate']).toBe(instant);
});

it.each(['2026-02-30T00:00', '2026-10-01', 'tomorrow', '2026-10-01T24:01'])('%j is not a time', (from) => {
  const { problems } = bodyOf({ from });
  expect(problems.map(({ id }) => id)).toEqual(from === '2026-10-01' ? [] : ['from']);
});

it('takes what was chosen, and all columns unless the form has those of the dataset', () => {
  expect(bodyOf({ columns_of: 'OTHER' }, ['x']).body).not.toHaveProperty('columns');
  expect(bodyOf({ columns_of: 'NOTES' }, ['id', 'name']).body).not.toHaveProperty('columns');
  expect(bodyOf({ columns_of: 'NOTES' }, ['name']).body).toMatchObject({ columns: ['name'] });
  expect(bodyOf({ columns_of: 'NOTES' }).problems).toEqual([{ id: 'columns', message: 'Choose at least one column' }]);
  expect(bodyOf({ format: 'parquet', compression: 'zstd' }).body).toMatchObject({ compression: 'none' });
  expect(bodyOf({ recipients: ' age1a \n\n age1b' }).body).toMatchObject({ recipients: ['age1a', 'age1b'] });
  expect(bodyOf({ parameter_count: '12', parameter_about: 'x' }).body).toMatchObject({ count: 12, about: 'x' });
  expect(bodyOf({ parameter_count: '1.5' }).body).toMatchObject({ count: '1.5' });
});

it('a window that ends before it starts is refused', () => {
  expect(bodyOf({ from: '2026-10-02T00:00', to: '2026-10-01T23:59' }).problems.map(({ id }) => id)).toEqual(['from']);
  expect(bodyOf({ from: '2026-10-02T00:00', to: '2026-10-02T00:00' }).problems).toEqual([]);
});

it('chooses rows, and how their values are written', () => {
  const filtered = new URLSearchParams({ csv_preset: 'excel', time_zone: 'Asia/Tokyo' });
  for (const [column, op, value] of [
    ['id', 'in', 'a, b'],
    ['name', 'range', '..z'],
    // Of another dataset.
    ['nope', 'eq', 'x'],
  ] as const) {
    filtered.append('filter_column', column);
    filtered.append('filter_op', op);
    filtered.append('filter_value', value);
  }
  const form = readOrderForm(CATALOG, filtered);
  if (!form) throw new Error('no form');
  expect(orderBody(form, ZONE).body).toMatchObject({
    filter: [
      { column: 'id', op: 'in', values: ['a', 'b'] },
      { column: 'name', op: 'range', from: null, to: 'z' },
    ],
    csv: { preset: 'excel' },
    timeZone: 'Asia/Tokyo',
  });
  const parquet = orderBody({ ...form, format: 'parquet' }, ZONE).body;
  expect([parquet.csv, parquet.timeZone]).toEqual([undefined, undefined]);
  const errors = [
    { field: 'filter.1.from', code: 'invalid_field' as const, message: 'filter.1.from: Should be a number.' },
  ];
  expect(formProblems(errors, form)).toEqual([{ id: 'filter-1', message: 'Filter 2: Should be a number' }]);
});
