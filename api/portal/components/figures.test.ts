import fc from 'fast-check';
import { expect, it } from 'vitest';
import { counted, durationText, grouped, sizeText, timeLeft } from './figures.ts';

it.each([
  [0, '0\u00A0bytes'],
  [1, '1\u00A0byte'],
  [999, '999\u00A0bytes'],
  [1000, '1.00\u00A0kB'],
  [9_994, '9.99\u00A0kB'],
  [9_995, '10.0\u00A0kB'],
  [99_950, '100\u00A0kB'],
  [999_499, '999\u00A0kB'],
  [999_500, '1.00\u00A0MB'],
  [84_612_337, '84.6\u00A0MB'],
  [812_400_118, '812\u00A0MB'],
  [1e18, '1000\u00A0PB'],
])('%d bytes are %j', (bytes, text) => expect(sizeText(bytes)).toBe(text));

it('a size has three figures', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1000, max: 1e15 }), (bytes) => {
      expect(sizeText(bytes).replace(/\D/g, '')).toHaveLength(3);
    }),
  );
});

it('groups digits as the locale does', () => {
  fc.assert(fc.property(fc.nat({ max: 2 ** 40 }), (value) => grouped(value) === value.toLocaleString('en-GB')));
  expect(counted(1, 'row')).toBe('1\u00A0row');
  expect(counted(512_904, 'row')).toBe('512,904\u00A0rows');
});

it.each([
  [500, 50, undefined],
  [10_000, 0, undefined],
  [10_000, 100, undefined],
  [10_000, 99, 'a few seconds left'],
  [10_000, 50, 'about 10\u00A0s left'],
  [60_000, 50, 'about 60\u00A0s left'],
  [600_000, 50, 'about 10\u00A0min left'],
  [36_000_000, 50, 'about 10\u00A0h left'],
])('after %d ms at %d percent: %j', (elapsedMs, percent, text) => expect(timeLeft(elapsedMs, percent)).toBe(text));

it.each([
  [0, '0\u00A0s'],
  [59_499, '59\u00A0s'],
  [59_500, '1\u00A0min 0\u00A0s'],
  [389_000, '6\u00A0min 29\u00A0s'],
  [3_599_499, '59\u00A0min 59\u00A0s'],
  [7_260_000, '2\u00A0h 1\u00A0min'],
])('%d milliseconds are %j', (ms, text) => expect(durationText(ms)).toBe(text));

it('counts in the unit of one or of several', () => {
  expect([counted(1, 'entity', 'entities'), counted(0, 'entity', 'entities')]).toEqual([
    '1\u00A0entity',
    '0\u00A0entities',
  ]);
});
