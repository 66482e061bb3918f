import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCatalog } from '../../config/catalog.ts';
import type { Dataset } from '../../config/dataset.ts';
import type { RequestForm } from '../../contracts/views/requests.ts';
import { requestSeries } from '../../stores/ledger/request-series.ts';
import { InvalidFields } from '../http/field-errors.ts';
import { requestOrder } from './order.ts';

const JOBS: Dataset = {
  ...{ name: 'jobs', offeredAs: 'Jobs', title: 'Jobs', sql: 'select 1', tenantColumn: 'tenant', doors: ['requests'] },
  ...{
    createdColumn: 'ended_at',
    modifiedColumn: null,
    deletedColumn: null,
    key: [],
    parameters: [],
    formats: ['csv', 'xlsx', 'parquet'],
  },
  columns: [
    { name: 'id', header: 'Id', type: 'integer', label: null, valueLabels: null },
    { ...{ name: 'user', header: 'User', type: 'text', label: null, valueLabels: null }, anonymizedFrom: 'text' },
  ],
};
const OTHER: Dataset = { ...JOBS, name: 'other', offeredAs: 'Other', doors: ['on-demand'] };
const NEEDY: Dataset = {
  ...{ ...JOBS, name: 'needy', offeredAs: 'Needy' },
  parameters: [{ name: 'site', type: 'text', required: true, title: null }],
};
const rules = { catalog: createCatalog([JOBS, OTHER, NEEDY]), keepDays: 30, now: new Date('2026-11-23T21:14:05Z') };
const FORM: RequestForm = {
  ...{ realm: 'Jobs', start_date: '2016-01-01', end_date: '2016-12-31', format: 'CSV' },
  ...{ filter: [], time_zone: 'UTC' },
};
const order = (form: Partial<RequestForm>) => requestOrder({ ...FORM, ...form }, 'acme', rules);

test('a form becomes an order of whole days in UTC', () => {
  expect(order({ realm: ' jOBS', format: 'json ' })).toMatchObject({
    ...{ tenant: 'acme', dataset: 'jobs', format: 'rows-json', keepDays: 30, columns: null, recipients: [] },
    window: { from: '2016-01-01T00:00:00.000000Z', to: '2016-12-31T23:59:59.999999Z', bounds: 'inclusive' },
  });
});

describe('dates', () => {
  test.each([
    ['2016-01-01', '2016-12-31'],
    ['2015-01-01', '2016-01-01'],
    ['2016-02-29', '2016-02-29'],
    ['2026-11-23', '2026-11-23'],
  ])('%s to %s can be requested', (start_date, end_date) => {
    expect(order({ start_date, end_date }).window.to).toBe(`${end_date}T23:59:59.999999Z`);
  });

  test.each([
    ['2016-01-01', '2017-01-01', 'Choose an end date of 2016-12-31 or earlier: one year is the most.'],
    ['2015-01-01', '2016-01-02', 'Choose an end date of 2016-01-01 or earlier: one year is the most.'],
    ['2016-12-31', '2016-01-01', 'Choose an end date of 2016-12-31 or later: that is the start date.'],
    ['2026-11-24', '2026-11-24', 'The start date lies ahead. Choose 2026-11-23 or earlier. The end date lies ahead.'],
    ['2026-11-01', '2026-11-24', 'The end date lies ahead. Choose 2026-11-23 or earlier.'],
    ['2015-02-29', '2015-03-01', '2015-02-29 is not a date. Write the start date as 2016-12-31.'],
    ['2016-1-1', '2016-12-31', '2016-1-1 is not a date.'],
    ['', '2016-13-31', ' is not a date. Write the start date as 2016-12-31. 2016-13-31 is not a date.'],
    ['0000-01-01', '0000-01-02', '0000-01-01 is not a date.'],
    ['2016-01-01T00:00:00Z', '2016-12-31', '2016-01-01T00:00:00Z is not a date.'],
  ])('%s to %s cannot: %s', (start_date, end_date, message) => {
    expect(() => order({ start_date, end_date })).toThrow(InvalidFields);
    expect(() => order({ start_date, end_date })).toThrow(message);
  });

  test('of at most 366 days that are over pass, and no others', () => {
    const day = fc.integer({ min: 16_000, max: 20_900 });
    const text = (days: number) => new Date(days * 86_400_000).toISOString().slice(0, 10);
    const today = Math.floor(rules.now.getTime() / 86_400_000);
    fc.assert(
      fc.property(day, fc.integer({ min: -3, max: 369 }), (start, length) => {
        const passes = start <= today && start + length <= today && length >= 0 && length <= 365;
        const ask = () => order({ start_date: text(start), end_date: text(start + length) });
        if (passes) expect(ask).not.toThrow();
        else expect(ask).toThrow(InvalidFields);
      }),
    );
  });
});

test.each([
  [{ realm: 'Other' }, 'There is no realm Other. Choose one of Jobs.'],
  [{ realm: 'Needy' }, 'There is no realm Needy.'],
  [{ format: 'XML' }, 'Choose CSV, JSON, XLSX or PARQUET as the format.'],
  [
    { realm: 'x', format: 'x', end_date: 'x' },
    'There is no realm x. Choose one of Jobs. x is not a date. Write the end date as 2016-12-31. Choose CSV',
  ],
])('%j is refused: %s', (form, message) => {
  expect(() => order(form)).toThrow(message);
});

describe('formats, filters and options', () => {
  test.each([
    ['xlsx', { format: 'xlsx' }],
    ['Parquet', { format: 'parquet' }],
  ])('%s is a format', (format, expected) => {
    expect(order({ format })).toMatchObject(expected);
  });

  test('a realm has only the workbooks that its catalog allows', () => {
    const plain = { ...rules, catalog: createCatalog([{ ...JOBS, formats: ['jsonl'] }]) };
    expect(() => requestOrder({ ...FORM, format: 'XLSX' }, 'acme', plain)).toThrow('Choose CSV or JSON as the format.');
    expect(requestOrder({ ...FORM, format: 'JSON' }, 'acme', plain).format).toBe('rows-json');
  });

  test('a filter is part of the order, in one form for all that mean the same', () => {
    const ids = (values: readonly (string | number)[]) =>
      order({ filter: [{ column: 'id', op: 'in', values: [...values] }] });
    expect(ids([2, '1', 1]).filter).toEqual([{ column: 'id', op: 'in', values: ['1', '2'] }]);
    expect(requestSeries(ids([2, '1', 1]))).toBe(requestSeries(ids(['1', 2])));
    expect(requestSeries(ids([1]))).not.toBe(requestSeries(ids([2])));
    expect(order({}).filter).toBeUndefined();
  });

  test.each<[string, Partial<RequestForm>]>([
    ['csv_preset', { csv_preset: 'excel' }],
    ['time_zone', { time_zone: 'Asia/Tokyo' }],
    ['filter', { filter: [{ column: 'id', op: 'isNull' }] }],
    ['format', { format: 'XLSX' }],
  ])('a request that differs in %s is another one', (_, form) => {
    expect(requestSeries(order(form))).not.toBe(requestSeries(order({})));
  });

  test('the preset writes CSV for Excel', () => {
    expect(order({ csv_preset: 'excel' }).csv).toMatchObject({
      delimiter: ';',
      bom: true,
      decimalComma: true,
      crlf: true,
    });
  });

  test.each<[Partial<RequestForm>, string]>([
    [{ format: 'JSON', csv_preset: 'excel' }, 'csv_preset: Only valid for the format CSV. Leave it out.'],
    [
      { format: 'PARQUET', time_zone: 'Asia/Tokyo' },
      'time_zone: Parquet has instants, without time zone. Leave it out.',
    ],
    [{ filter: [{ column: 'nope', op: 'isNull' }] }, 'filter.0.column: Jobs has no column nope'],
    [
      { filter: [{ column: 'user', op: 'isNull' }] },
      'filter.0.column: user is anonymized; rows cannot be chosen by it.',
    ],
    [{ filter: [{ column: 'id', op: 'eq', value: 'x' }] }, 'filter.0.value: '],
  ])('%j is refused', (form, message) => {
    expect(() => order(form)).toThrow(message);
  });
});
