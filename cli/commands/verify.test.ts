import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import type { PartCheckResult } from '../files/verify.ts';
import { createTerminal } from '../screen/terminal.ts';
import { verifiedLines } from './verify.ts';

const terminal = createTerminal(new PassThrough(), new PassThrough());

function result(more: Partial<PartCheckResult>): PartCheckResult {
  return {
    ...{ name: 'user', file: 'user', form: 'stored', format: 'csv', bytesThere: 1000, problems: [], rowsCounted: null },
    entries: null,
    ...more,
  };
}

const sealed = { recipients: ['age1'] };
const open = { recipients: [] };

test('reports what could not be checked', () => {
  expect(verifiedLines(terminal, sealed, [result({ file: 'user' }), result({ file: 'year' })])).toEqual([
    '✓ 2 csv files, 2.00 KB sealed: sizes and SHA-256 hold',
    '! rows were not counted: the files are sealed, --key-file opens them',
  ]);
  expect(verifiedLines(terminal, open, [result({ format: 'parquet' })])).toEqual([
    '✓ 1 parquet file, 1.00 KB: sizes and SHA-256 hold',
    '! rows were not counted: a Parquet file has its own count',
  ]);
});

test.each([
  ['compared', '✓ its entries are those of the manifest'],
  ['password', '! its entries were not read: they have a password, --password-file opens them'],
  ['sealed', '! its entries were not read: the archive is sealed; check what "waybill open" makes of it'],
] as const)('says of an archive whose entries are %s what was checked', (entries, line) => {
  expect(verifiedLines(terminal, open, [result({ format: 'zip', entries })])).toEqual([
    '✓ 1 zip file, 1.00 KB: sizes and SHA-256 hold',
    line,
  ]);
});

test('counts files, and parts where they differ', () => {
  const parts = [result({ rowsCounted: 2 }), result({ rowsCounted: 3 })];
  expect(verifiedLines(terminal, open, parts)).toEqual([
    '✓ 1 csv file in 2 parts, 2.00 KB: sizes and SHA-256 hold',
    '✓ 5 rows counted in the content',
  ]);
  expect(verifiedLines(terminal, open, [result({ form: 'opened', rowsCounted: 5 })])[0]).toBe(
    '✓ 1 csv file, 1.00 KB opened: sizes and SHA-256 of the content hold',
  );
});

test('reports each format, and what was checked of it', () => {
  const results = [
    result({ rowsCounted: 1234 }),
    result({ format: 'json', form: 'opened', rowsCounted: 0 }),
    result({ format: 'typed-json', form: 'opened', rowsCounted: 4 }),
  ];
  expect(verifiedLines(terminal, sealed, results)).toEqual([
    '✓ 1 csv file, 1.00 KB sealed: sizes and SHA-256 hold',
    '✓ 1,234 rows counted in the content',
    '✓ 1 json file, 1.00 KB opened: sizes of the content hold',
    '! SHA-256 was not compared: the manifest has that of the sealed files only',
    '✓ 0 rows counted in the content',
    '✓ 1 typed-json file, 1.00 KB opened: sizes of the content hold',
    '! SHA-256 was not compared: the manifest has that of the sealed files only',
    '✓ 4 rows counted in the content',
  ]);
});
