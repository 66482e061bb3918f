import { expect, test } from 'vitest';
import { formatBytes, formatCount, formatNumberOf, formatSeconds } from './figures.ts';

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.00 KB'],
  [999_499, '999 KB'],
  [999_500, '1.00 MB'],
  [1_234_567, '1.23 MB'],
  [45_600_000_000, '45.6 GB'],
  [Number.MAX_SAFE_INTEGER, '9.01 PB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0, '0:00'],
  [59.9, '0:59'],
  [60, '1:00'],
  [3599, '59:59'],
  [3600, '1:00:00'],
  [-1, '0:00'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});

test('counts have separators, and words their plural', () => {
  expect(formatCount(3_000_000)).toBe('3,000,000');
  expect([0, 1, 2].map((count) => formatNumberOf(count, 'part'))).toEqual(['0 parts', '1 part', '2 parts']);
});
