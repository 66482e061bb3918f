import { expect, test } from 'vitest';
import { formatFields, formatTable, plain } from './terminal.ts';

test('columns are as wide as their widest cell, colours and wide characters aside', () => {
  const lines = formatTable(
    [{ title: 'NAME' }, { title: 'ROWS', align: 'right' }],
    [
      ['\u001b[32ma\u001b[39m', '1'],
      ['longer', '1,000,000'],
    ],
  );
  expect(lines).toEqual(['NAME         ROWS', '\u001b[32ma\u001b[39m               1', 'longer  1,000,000']);
});

test('a table without rows has its titles', () => {
  expect(formatTable([{ title: 'A' }, { title: 'B' }], [])).toEqual(['A  B']);
});

test('fields have their values in one column', () => {
  expect(
    formatFields([
      ['a', '1'],
      ['long', '2'],
    ]),
  ).toEqual(['a     1', 'long  2']);
});

test('text of others cannot steer the terminal', () => {
  expect(plain('a\u001b[2Jb\nc\u009bd')).toBe('a\uFFFD[2Jb\uFFFDc\uFFFDd');
});
