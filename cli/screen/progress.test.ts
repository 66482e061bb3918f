import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Progress } from '../../contracts/progress.ts';
import { exportLine, renderBar, renderLine, transferLine } from './progress.ts';

const unpainted = (bar: string, rest: string) => bar + rest;

const progress: Progress = {
  percent: 53,
  rowsDone: 1_590_000,
  rowsTotal: 3_000_000,
  contentBytes: 512_000_000,
  storedBytes: 70_000_000,
  partsDone: 3,
  partsTotal: 7,
  final: true,
};

describe('a line of progress', () => {
  test('shows percent, rows, bytes, time and parts', () => {
    expect(renderLine(exportLine('FLIGHTS', progress, 12), 100, unpainted)).toBe(
      'FLIGHTS ━━━━━━━━━━━━╸───────────  53 %  1,590,000 / 3,000,000 rows  512 MB  0:12  3/7 parts',
    );
  });

  test('marks estimates, and says when nothing is counted yet', () => {
    expect(exportLine('X', { ...progress, final: false }, 0).figures[0]).toBe('~1,590,000 / 3,000,000 rows');
    expect(exportLine('X', { ...progress, rowsTotal: null, partsTotal: null }, 0).figures).toEqual([
      'counting rows',
      '512 MB',
      '0:00',
    ]);
  });

  test('of one part leaves the parts out', () => {
    expect(exportLine('X', { ...progress, partsTotal: 1 }, 0).figures).toHaveLength(3);
  });

  test.each([
    [99.99, '99 %'],
    [100, '100 %'],
    [101, '100 %'],
    [-1, '0 %'],
  ])('%d percent show as %s', (percent, text) => {
    expect(renderLine({ label: 'X', percent, figures: [] }, 80, unpainted)).toContain(` ${text}`);
  });

  test('fits any terminal that has room for its label', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 30, max: 250 }),
        fc.double({ min: 0, max: 100, noNaN: true }),
        (columns, percent) => {
          const line = renderLine(exportLine('FLIGHTS', { ...progress, percent }, 12), columns, unpainted);
          expect(line.length).toBeLessThan(columns);
        },
      ),
    );
  });
});

test.each([
  [0, '────'],
  [12, '────'],
  [12.5, '╸───'],
  [25, '━───'],
  [99, '━━━╸'],
  [100, '━━━━'],
])('a bar at %d percent is %s', (percent, bar) => {
  expect(renderBar(percent, 4, unpainted)).toBe(bar);
});

test('a transfer shows its rate after one second', () => {
  expect(transferLine('download', 0, 0, 0)).toEqual({
    label: 'download',
    percent: 100,
    figures: ['0 B / 0 B', '0:00'],
  });
  expect(transferLine('download', 5_000_000, 10_000_000, 2).figures).toEqual([
    '5.00 MB / 10.0 MB',
    '0:02',
    '2.50 MB/s',
  ]);
  expect(transferLine('open', 5, null, 0)).toMatchObject({ percent: 0, figures: ['5 B', '0:00'] });
});
