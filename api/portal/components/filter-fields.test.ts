import { describe, expect, it } from 'vitest';
import { changesFilters, filterBody, filterProblem, readFilterFields } from './filter-fields.ts';

const COLUMNS = [
  { name: 'id', header: 'Id' },
  { name: 'city', header: 'City' },
];
const fields = (...entries: [string, string][]) => new URLSearchParams(entries);
const one = (column: string, op: string, value: string) =>
  fields(['filter_column', column], ['filter_op', op], ['filter_value', value]);

describe('the fields of a filter', () => {
  it.each([
    ['eq', ' Bern', { op: 'eq', value: ' Bern' }],
    ['in', 'a, b,c', { op: 'in', values: ['a', 'b', 'c'] }],
    ['in', '["Paris, Texas", 7]', { op: 'in', values: ['Paris, Texas', '7'] }],
    ['in', '[a, b', { op: 'in', values: ['[a', 'b'] }],
    ['range', '10..20', { op: 'range', from: '10', to: '20' }],
    ['range', '10..', { op: 'range', from: '10', to: null }],
    ['range', '..20', { op: 'range', from: null, to: '20' }],
    ['range', '', { op: 'range', from: null, to: null }],
    ['isNull', 'ignored', { op: 'isNull' }],
    ['drop table', 'x', { op: 'eq', value: 'x' }],
  ])('%s with %j are a condition', (op, value, condition) => {
    expect(filterBody(readFilterFields(one('city', op, value), COLUMNS))).toEqual([{ column: 'city', ...condition }]);
  });

  it('of a column that the dataset does not have are dropped', () => {
    expect(readFilterFields(one('password', 'eq', 'x'), COLUMNS)).toEqual([]);
  });

  it('become more and fewer by buttons', () => {
    const sent = fields(...one('city', 'eq', 'a'), ...one('id', 'eq', '1'), ['do', 'add-filter']);
    const added = readFilterFields(sent, COLUMNS);
    expect([changesFilters(sent), added]).toEqual([
      true,
      [
        { column: 'city', op: 'eq', value: 'a' },
        { column: 'id', op: 'eq', value: '1' },
        { column: 'id', op: 'eq', value: '' },
      ],
    ]);
    sent.set('do', 'remove-filter-0');
    expect([changesFilters(sent), readFilterFields(sent, COLUMNS)]).toEqual([
      true,
      [{ column: 'id', op: 'eq', value: '1' }],
    ]);
    sent.set('do', 'order');
    expect(changesFilters(sent)).toBe(false);
  });

  it.each([
    [
      'filter.1.value',
      'filter.1.value: Should be a number.',
      { id: 'filter-1', message: 'Filter 2: Should be a number' },
    ],
    [
      'filter.0',
      'filter.0: from is greater than to.',
      { id: 'filter-0', message: 'Filter 1: from is greater than to' },
    ],
    ['format', 'Choose CSV.', undefined],
  ])('show what is wrong with %s', (field, message, problem) => {
    expect(filterProblem({ field, code: 'invalid_field', message })).toEqual(problem);
  });
});
