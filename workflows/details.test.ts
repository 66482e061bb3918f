import { describe, expect, it } from 'vitest';
import type { Instant } from '../contracts/instant.ts';
import { CSV_DEFAULTS, type FileFormat } from '../contracts/order.ts';
import { newDetails, progressOf, type RunDetails } from './details.ts';

const PART = { name: 'p', rows: 10, bytes: 3, sha256: '0'.repeat(64), contentBytes: 5, contentSha256: null };

/** A run of files with these parts, each in these formats, of which some objects are written. */
function detailsOf(
  files: readonly (readonly number[])[],
  formats: readonly FileFormat[],
  written: readonly number[],
): RunDetails {
  return {
    ...newDetails('acme'),
    order: {
      ...{ tenant: 'acme', subject: 'all', recipients: [], roundsMax: 1, retention: { keepDays: 1 } },
      files: files.map((_, place) => ({
        ...{ name: `f${place}`, dataset: `d${place}`, window: null, parameters: {}, formats },
        ...{ csv: CSV_DEFAULTS, columns: null, compression: 'none' },
      })),
    },
    plan: {
      snapshotAt: '2026-11-21T01:30:00.000000Z' as Instant,
      files: files.map((parts) => ({
        columns: [],
        rows: parts.reduce((sum, rows) => sum + rows, 0),
        parts: parts.map((rows, index) => ({ index, slice: { from: null, to: null }, rows, rowsHash: '0' })),
      })),
    },
    parts: written.map((rows, index) => ({ name: 'f0', format: 'csv', index, part: { ...PART, rows } })),
  };
}

describe('the progress of a run', () => {
  it('is unknown until there is a plan', () => {
    expect(progressOf(newDetails('acme'))).toMatchObject({
      percent: 0,
      rowsTotal: null,
      partsTotal: null,
      final: false,
    });
  });

  it.each<readonly [string, RunDetails, object]>([
    ['one file in parts', detailsOf([[10, 30]], ['csv'], [10]), { percent: 25, rowsTotal: 40, partsTotal: 2 }],
    ['a file in two formats', detailsOf([[10]], ['csv', 'json'], [10]), { percent: 50, rowsTotal: 20, partsTotal: 2 }],
    ['files without rows', detailsOf([[0], [0]], ['csv'], [0]), { percent: 50, rowsTotal: 0, partsTotal: 2 }],
    ['everything written', detailsOf([[10]], ['csv'], [10]), { percent: 99, rowsDone: 10, partsDone: 1, final: false }],
    [
      'a completed run',
      { ...detailsOf([[10]], ['csv'], [10]), state: 'completed' },
      { percent: 100, contentBytes: 5, storedBytes: 3, final: true },
    ],
  ])('of %s', (_, details, progress) => {
    expect(progressOf(details)).toMatchObject(progress);
  });
});
