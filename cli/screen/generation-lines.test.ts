import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import type { FileVerdict } from '../files/verify-generation.ts';
import { generationLines } from './generation-lines.ts';
import { createTerminal } from './terminal.ts';

const terminal = createTerminal(new PassThrough(), new PassThrough());

function verdict(more: Partial<FileVerdict>): FileVerdict {
  const { form = 'sealed', fileType = 'csv' } = more;
  return { name: 'user', form, fileType, bytesThere: 1000, problems: [], rowsCounted: null, typed: false, ...more };
}

test('what could not be checked is said', () => {
  expect(generationLines(terminal, [verdict({}), verdict({})])).toEqual([
    '✓ 2 csv files, 2.00 KB sealed: sizes and SHA-256 hold',
    '! their rows were not counted: the files are sealed, --key-file opens them',
  ]);
});

test('each file type is told of, and what was checked of it', () => {
  const verdicts = [
    verdict({ rowsCounted: 1234 }),
    verdict({ fileType: 'json', form: 'opened', rowsCounted: 4, typed: true }),
    verdict({ fileType: 'json', form: 'opened', rowsCounted: 0 }),
  ];
  expect(generationLines(terminal, verdicts)).toEqual([
    '✓ 1 csv file, 1.00 KB sealed: sizes and SHA-256 hold',
    '✓ 1,234 rows counted in the content',
    '✓ 1 json file, 1.00 KB opened: sizes of the content hold',
    '! 1 json file, 1.00 KB with typed values: the manifest tells no size to compare',
    '! SHA-256 was not compared: the manifest tells that of sealed files',
    '✓ 4 rows counted in the content',
  ]);
});
