import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { addOrderOptions, type OrderOptions, orderBody, parseColumns, parseParameter } from './export.ts';

function bodyOf(...args: readonly string[]) {
  const command = addOrderOptions(new Command('export'))
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  command.parse(['--from', '2025-01-01', '--to', '2025-02-01', ...args], { from: 'user' });
  return orderBody('USERS', command.opts<OrderOptions>());
}

const plain = { startDate: '2025-01-01', endDate: '2025-02-01', exportType: 'USERS', format: 'CSV' };

describe('the options of an order', () => {
  test.each<[readonly string[], object]>([
    [[], plain],
    [['--format', 'jsonl'], { ...plain, format: 'JSONL' }],
    [['--compression', 'zstd'], { ...plain, compression: 'zstd' }],
    [['--seal', 'age1a', 'age1b', '--seal', 'age1c'], { ...plain, recipients: ['age1a', 'age1b', 'age1c'] }],
    [['--columns', 'b, a,,c'], { ...plain, columns: ['b', 'a', 'c'] }],
    [['--keep-days', '7'], { ...plain, keepDays: 7 }],
    [['--rows-per-file', '1000'], { ...plain, rowsPerFile: 1000 }],
    [['--files', 'auto'], { ...plain, files: 'auto' }],
    [['--param', 'id=12', '--param', 'name=x=y'], { ...plain, id: 12, name: 'x=y' }],
    [['--time-zone', 'Europe/Berlin'], { ...plain, timeZone: 'Europe/Berlin' }],
    [['--filter', 'a=x=1,2'], { ...plain, filter: [{ column: 'a', op: 'eq', value: 'x=1,2' }] }],
    [['--filter', 'a='], { ...plain, filter: [{ column: 'a', op: 'eq', value: '' }] }],
    [['--filter', 'a:in=1,2'], { ...plain, filter: [{ column: 'a', op: 'in', values: ['1', '2'] }] }],
    [['--filter', 'a:in=["x,y",2]'], { ...plain, filter: [{ column: 'a', op: 'in', values: ['x,y', '2'] }] }],
    [['--filter', 'a:range=1..'], { ...plain, filter: [{ column: 'a', op: 'range', from: '1', to: null }] }],
    [['--filter', 'a:range=["a..",null]'], { ...plain, filter: [{ column: 'a', op: 'range', from: 'a..', to: null }] }],
    [
      ['--filter', 'a:isNull', '--filter', 'b=1'],
      {
        ...plain,
        filter: [
          { column: 'a', op: 'isNull' },
          { column: 'b', op: 'eq', value: '1' },
        ],
      },
    ],
    [['--no-csv-header'], { ...plain, csv: { header: false } }],
    [['--csv-delimiter', '\\t', '--csv-bom'], { ...plain, csv: { delimiter: '\t', bom: true } }],
    [['--csv-preset', 'excel', '--csv-delimiter', '\\t'], { ...plain, csv: { preset: 'excel', delimiter: '\t' } }],
    [['--csv-decimal-comma', '--csv-crlf'], { ...plain, csv: { decimalComma: true, crlf: true } }],
    [['--csv-null', '', '--csv-formula-guard'], { ...plain, csv: { nullText: '', formulaGuard: true } }],
  ])('%j', (args, body) => {
    expect(bodyOf(...args)).toEqual(body);
  });

  test.each([
    [['--format', 'xml']],
    [['--compression', 'lz4']],
    [['--keep-days', '0']],
    [['--keep-days', '1.5']],
    [['--rows-per-file', '0']],
    [['--files', 'many']],
    [['--files', 'auto', '--rows-per-file', '5']],
    [['--param', 'rowsPerFile=1']],
    [['--param', 'x']],
    [['--param', '=x']],
    [['--param', 'startDate=x']],
    [['--param', 'csv=x']],
    [['--param', 'filter=x']],
    [['--filter', 'a']],
    [['--filter', '=x']],
    [['--filter', 'a:in']],
    [['--filter', 'a:range=1']],
    [['--filter', 'a:range=1..2..3']],
    [['--filter', 'a:like=x']],
    [['--filter', 'a:in=[1,']],
    [['--filter', 'a:in=[1,]']],
    [['--csv-preset', 'calc']],
    [['--csv-delimiter', '||']],
    [['--csv-delimiter', '']],
    [['--nonsense']],
  ])('%j are refused', (args) => {
    expect(() => bodyOf(...args)).toThrow();
  });
});

test.each<[string, unknown]>([
  ['12', 12],
  ['-1', -1],
  ['1.5', 1.5],
  ['9007199254740993', '9007199254740993'],
  ['007', '007'],
  ['1e3', '1e3'],
  ['true', true],
  ['True', 'True'],
  ['null', 'null'],
  ['"12"', '12'],
  ['"a"b"', '"a"b"'],
  ['', ''],
  ['[1]', '[1]'],
])('the parameter value %j is %j', (text, value) => {
  expect(parseParameter(`name=${text}`)).toEqual({ name: value });
});

test('columns keep their order', () => {
  expect(parseColumns(' b ,a')).toEqual(['b', 'a']);
});
