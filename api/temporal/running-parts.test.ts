import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Progress } from '../../contracts/progress.ts';
import { clamp } from './progress-memory.ts';
import { addHeartbeats } from './running-parts.ts';

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

test('adds what running parts report, and passes over what is no report of a part', () => {
  expect(addHeartbeats(FINISHED, [beat(10), null, 'x', { rows: -1 }, beat(5)])).toEqual({
    ...FINISHED,
    percent: 40,
    rowsDone: 40,
    contentBytes: 400,
    storedBytes: 40,
  });
});

test('stays within the rows that were counted, and below 100 percent', () => {
  expect(addHeartbeats(FINISHED, [beat(1000)])).toMatchObject({ rowsDone: 100, percent: 99 });
  expect(addHeartbeats({ ...FINISHED, rowsTotal: 0, rowsDone: 0, percent: 99 }, [])).toMatchObject({ percent: 99 });
  expect(addHeartbeats({ ...FINISHED, rowsTotal: null, percent: 0 }, [beat(7)])).toMatchObject({
    percent: 0,
    rowsDone: 32,
  });
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
