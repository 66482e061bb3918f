import { expect, test } from 'vitest';
import { withoutKeys } from './without-keys.ts';

const KEY = `AGE-SECRET-KEY-1${'QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L'.repeat(2).slice(0, 58)}`;

test.each([
  ['', ''],
  ['acme', 'acme'],
  ['/dataexport/download', '/dataexport/download'],
  [KEY, 'AGE-SECRET-KEY-…'],
  [KEY.toLowerCase(), 'AGE-SECRET-KEY-…'],
  [KEY.replace('KEY-1', 'KEY-PQ-1'), 'AGE-SECRET-KEY-…'],
  [`/dataexport/${KEY}/x`, '/dataexport/AGE-SECRET-KEY-…/x'],
  [`${KEY} and ${KEY}`, 'AGE-SECRET-KEY-… and AGE-SECRET-KEY-…'],
  ['AGE-SECRET-KEY-1MISTYPED.csv', 'AGE-SECRET-KEY-….csv'],
])('%s', (text, rest) => {
  expect(withoutKeys(text)).toBe(rest);
});
