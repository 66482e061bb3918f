import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Progress } from '../../contracts/progress.ts';
import { addHeartbeats } from '../../stores/temporal/runs.ts';
import { clamp } from './progress.ts';

const FINISHED: Progress = {
  percent: 25,
  rowsDone: 25,
  rowsTotal: 100,
  contentBytes: 250,
  storedBytes: 25,
  partsDone: 1,
  partsTotal: 4,
  final: false,
};
const beat = (rows: number) => ({
  index: 1,
  rows,
  contentBytes: rows * 10,
  storedBytes: rows,
  key: 'k',
  uploadId: null,
});

test('what is told never falls, whatever is seen', () => {
  const seen = fc.array(
    fc.nat({ max: 200 }).map((rows) => addHeartbeats(FINISHED, [beat(rows)])),
    { minLength: 2 },
  );
  fc.assert(
    fc.property(seen, (steps) => {
      let told = steps[0] ?? FINISHED;
      for (const step of steps) {
        const next = clamp(told, step);
        for (const name of ['percent', 'rowsDone', 'contentBytes', 'storedBytes', 'partsDone'] as const) {
          expect(next[name]).toBeGreaterThanOrEqual(told[name]);
        }
        told = next;
      }
      expect(told.percent).toBeLessThan(100);
    }),
  );
});
