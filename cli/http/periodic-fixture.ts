import type { Progress } from '../../contracts/progress.ts';
import type { PeriodicView } from '../../contracts/views/periodic.ts';

/** A tenant that was never enabled, for tests. */
export const NOTHING: PeriodicView = {
  enabled: false,
  recipient: null,
  ownRecipient: false,
  schedule: { at: '01:30', timeZone: 'UTC' },
  nextRunAt: null,
  lastRun: null,
  running: null,
  failingSince: null,
  generation: null,
  files: ['user', 'year'],
};

export const ENABLED: PeriodicView = {
  ...NOTHING,
  enabled: true,
  recipient: `age1${'q'.repeat(58)}`,
  nextRunAt: '2026-11-22T01:47:00.000Z',
};

export const GENERATION: NonNullable<PeriodicView['generation']> = {
  generationId: '0b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11',
  snapshotAt: '2026-11-21T01:47:03.000001Z',
  publishedAt: '2026-11-21T01:48:00.000Z',
  rows: 1_234_568,
  bytes: 3_000_000,
  files: [
    {
      file: 'user',
      rows: 1_234_567,
      csv: { bytes: 1_000_200, contentBytes: 1_000_000 },
      json: { bytes: 1_900_200, contentBytes: 1_900_000 },
    },
    { file: 'year', rows: 1, csv: { bytes: 210, contentBytes: 10 }, json: { bytes: 221, contentBytes: 21 } },
  ],
};

export const PROGRESS: Progress = {
  percent: 50,
  rowsDone: 5,
  rowsTotal: 10,
  contentBytes: 100,
  storedBytes: 300,
  partsDone: 36,
  partsTotal: 72,
  final: false,
};

export function runEnded(state: 'published' | 'failed' | 'cancelled', generationId: string) {
  const failure = { code: 'dataset_broken', message: 'The dataset cannot be read.' };
  return {
    generationId,
    state,
    startedAt: '2026-11-21T01:47:00.000Z',
    endedAt: '2026-11-21T01:48:00.000Z',
    failure: state === 'published' ? null : failure,
  };
}
