import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Measurement } from './benchmark.ts';
import { createResult, formatRatio, resultLines, summarise, summaryLines } from './report.ts';

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

describe('formatRatio never shows a miss as met', () => {
  it.each([
    ['speed', 1.15, '1.15x'],
    ['speed', 1.1499, '1.14x'],
    ['speed', 0.999, '0.99x'],
    ['speed', 2, '2.00x'],
    ['size', 1.2, '1.20x'],
    ['size', 1.2001, '1.21x'],
    ['size', 1.1, '1.10x'],
    ['size', 0.995, '1.00x'],
  ] as const)('%s %d is %s', (kind, ratio, text) => {
    expect(formatRatio(kind, ratio)).toBe(text);
  });

  it('of any ratio and target of two digits', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('speed', 'size'),
        fc.integer({ min: 1, max: 1000 }),
        fc.double({ min: 0, max: 20, noNaN: true }),
        (kind, hundredths, ratio) => {
          const target = hundredths / 100;
          const isMet = (figure: number) => (kind === 'speed' ? figure >= target : figure <= target);
          // Twelve digits are taken as exact.
          fc.pre(Math.abs(ratio - target) > 1e-9);
          expect(isMet(Number.parseFloat(formatRatio(kind as 'speed' | 'size', ratio)))).toBe(isMet(ratio));
        },
      ),
    );
  });
});

const FAST: Measurement = {
  unit: 'seconds',
  ours: { what: 'this', bytes: null },
  peer: { what: 'that', bytes: null },
  pairs: [
    { ours: 2, peer: 3 },
    { ours: 2, peer: 2.2 },
    { ours: 2, peer: 2.6 },
  ],
  ratio: { kind: 'speed', target: 1.3 },
  notes: [],
};
const LARGE: Measurement = {
  ...FAST,
  part: 'enable',
  pairs: [{ ours: 1.204, peer: 1 }],
  ratio: { kind: 'size', target: 1.2 },
  bounds: [
    { what: 'history', figure: 36, max: 36, unit: 'events' },
    { what: 'peak', figure: 500.2, max: 500, unit: 'MiB' },
  ],
  limitedBy: 'the disk',
};

describe('summaryLines', () => {
  const results = [
    createResult({ name: 'fast', title: 'Fast' }, FAST),
    createResult({ name: 'large', title: '' }, LARGE),
  ];

  it('is one table of each figure, what was wanted, whether it is met, and what limits it', () => {
    expect(summaryLines(results)).toEqual([
      'benchmark        figure  wanted               limited by',
      'fast              1.30x  ≥ 1.3x       met',
      'large enable      1.21x  ≤ 1.2x       missed  the disk',
      '  history     36 events  ≤ 36 events  met',
      '  peak          501 MiB  ≤ 500 MiB    missed',
      '',
      '2 of 4 met',
    ]);
  });

  it('shows the outcomes of the table of results', () => {
    const shown = resultLines(results).filter((line) => /^(fast|large)/.test(line));
    expect(shown.map((line) => /1\.\d\dx .*?: (met|missed)/.exec(line)?.[1])).toEqual(['met', 'missed']);
  });
});
