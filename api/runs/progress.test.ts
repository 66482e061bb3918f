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

test('progress never decreases and stays below 100 percent', () => {
  const found = fc.array(
    fc.nat({ max: 200 }).map((rows) => addHeartbeats(FINISHED, [beat(rows)])),
    { minLength: 2 },
  );
  fc.assert(
    fc.property(found, (steps) => {
      let shown = steps[0] ?? FINISHED;
      for (const step of steps) {
        const next = clamp(shown, step);
        for (const name of ['percent', 'rowsDone', 'contentBytes', 'storedBytes', 'partsDone'] as const) {
          expect(next[name]).toBeGreaterThanOrEqual(shown[name]);
        }
        shown = next;
      }
      expect(shown.percent).toBeLessThan(100);
    }),
  );
});
