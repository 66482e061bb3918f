import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { summarise } from './report.ts';

describe('summarise', () => {
  it.each([
    [[7], { median: 7, min: 7, max: 7 }],
    [[3, 1], { median: 2, min: 1, max: 3 }],
    [[10, 9, 1], { median: 9, min: 1, max: 10 }],
    [[1, 100, 2, 3], { median: 2.5, min: 1, max: 100 }],
  ])('%j', (figures, summary) => {
    expect(summarise(figures)).toEqual(summary);
  });

  it('has as many figures below the median as above it', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), (figures) => {
        const { median } = summarise(figures);
        const below = figures.filter((figure) => figure < median).length;
        const above = figures.filter((figure) => figure > median).length;
        expect(Math.max(below, above)).toBeLessThanOrEqual(figures.length / 2);
      }),
    );
  });

  it('refuses nothing at all', () => {
    expect(() => summarise([])).toThrow(RangeError);
  });
});
