import { expect, it } from 'vitest';
import { bars } from './slip.ts';

it('draws a number as Code 39 does: five bars a character, start and stop included', () => {
  const path = /<path d="([^"]*)"/.exec(String(bars('10482')))?.[1] ?? '';
  const widths = [...path.matchAll(/M[\d.]+ 0h([\d.]+)/g)].map(([, width]) => (width === '1' ? 'n' : 'w'));
  expect(widths).toHaveLength(7 * 5);
  const characters = Array.from({ length: 7 }, (_, place) => widths.slice(place * 5, place * 5 + 5).join(''));
  // *, 1, 0, 4, 8, 2, *
  expect(characters).toEqual(['nnwwn', 'wnnnw', 'nnwwn', 'nnwnw', 'wnnwn', 'nwnnw', 'nnwwn']);
  expect(String(bars('10482'))).toContain('viewBox="0 0 100.5 10"');
});
