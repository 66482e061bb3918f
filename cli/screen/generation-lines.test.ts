import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import type { FileVerdict } from '../files/verify-generation.ts';
import { generationLines } from './generation-lines.ts';
import { createTerminal } from './terminal.ts';

const terminal = createTerminal(new PassThrough(), new PassThrough());

function verdict(more: Partial<FileVerdict>): FileVerdict {
  const { form = 'sealed', format = 'csv' } = more;
  return { name: 'user', form, format, bytesThere: 1000, problems: [], rowsCounted: null, ...more };
}

test('what could not be checked is said', () => {
  expect(generationLines(terminal, [verdict({}), verdict({})])).toEqual([
    '✓ 2 csv files, 2.00 KB sealed: sizes and SHA-256 hold',
    '! their rows were not counted: the files are sealed, --key-file opens them',
  ]);
});

test('each format is told of, and what was checked of it', () => {
  const verdicts = [
    verdict({ rowsCounted: 1234 }),
    verdict({ format: 'typed-json', form: 'opened', rowsCounted: 4 }),
    verdict({ format: 'json', form: 'opened', rowsCounted: 0 }),
  ];
  expect(generationLines(terminal, verdicts)).toEqual([
    '✓ 1 csv file, 1.00 KB sealed: sizes and SHA-256 hold',
    '✓ 1,234 rows counted in the content',
    '✓ 1 json file, 1.00 KB opened: sizes of the content hold',
    '! SHA-256 was not compared: the manifest tells that of sealed files',
    '✓ 0 rows counted in the content',
    '✓ 1 typed-json file, 1.00 KB opened: sizes of the content hold',
    '! SHA-256 was not compared: the manifest tells that of sealed files',
    '✓ 4 rows counted in the content',
  ]);
});
