import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { ENABLED, GENERATION, NOTHING, PROGRESS, runEnded } from '../http/periodic-fixture.ts';
import { periodicLines, runEndLine } from './periodic-lines.ts';
import { createTerminal } from './terminal.ts';

const terminal = createTerminal(new PassThrough(), new PassThrough());

describe('the page about periodic exports', () => {
  test('says that they were never enabled', () => {
    expect(periodicLines(terminal, NOTHING)).toEqual(['periodic  disabled']);
  });

  test('shows settings, runs and files', () => {
    const view = { ...ENABLED, generation: GENERATION, lastRun: runEnded('published', GENERATION.generationId) };
    expect(periodicLines(terminal, view)).toEqual([
      'periodic    enabled',
      `sealed to   age1${'q'.repeat(58)}`,
      'runs        every day at 01:30, UTC',
      'next run    2026-11-22 01:47:00 UTC',
      'last run    published, 2026-11-21 01:48:00 UTC',
      'generation  0b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11',
      'read at     2026-11-21T01:47:03.000001Z',
      'holds       2 files, 1,234,568 rows; 3.00 MB stored, CSV and JSON',
      '',
      'FILE       ROWS      CSV     JSON',
      'user  1,234,567  1.00 MB  1.90 MB',
      'year          1     10 B     21 B',
    ]);
  });

  test('shows why a run failed, since when, and the progress of the next one', () => {
    const lines = periodicLines(terminal, {
      ...ENABLED,
      ownRecipient: true,
      lastRun: runEnded('failed', 'x'),
      failingSince: '2026-11-19T01:48:00.000Z',
      running: { generationId: 'y', startedAt: new Date().toISOString(), progress: PROGRESS },
    }).join('\n');
    expect(lines).toMatch(/sealed to +age1q+, your own/);
    expect(lines).toMatch(
      /last run +failed, 2026-11-21 01:48:00 UTC\nwhy +The dataset cannot be read. \(dataset_broken\)/,
    );
    expect(lines).toMatch(/failing since +2026-11-19 01:48:00 UTC/);
    expect(lines).toMatch(/running +━+─* +50 % +~5 \/ 10 rows/);
  });

  test('shortens a post-quantum recipient, and shows no control characters of others', () => {
    const lines = periodicLines(terminal, { ...ENABLED, recipient: `age1pq1\u001b[2J${'q'.repeat(1952)}` });
    expect(lines[1]).toMatch(/^sealed to +age1pq1\uFFFD\[2Jq+…q{8}$/);
  });
});

test.each([
  [
    'published',
    { ...ENABLED, generation: GENERATION },
    '✓ 2 files, 1,234,568 rows, read at 2026-11-21T01:47:03.000001Z',
  ],
  ['failed', { ...ENABLED, lastRun: runEnded('failed', 'x') }, '✗ failed: The dataset cannot be read.'],
  ['disabled', { ...NOTHING, lastRun: runEnded('failed', 'x') }, '✗ disabled'],
] as const)('describes a run that ended %s', (end, view, line) => {
  expect(runEndLine(terminal, view, end)).toBe(line);
});
