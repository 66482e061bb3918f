import { expect, test } from 'vitest';
import type { Progress } from '../../contracts/progress.ts';
import { addHeartbeats } from './runs.ts';

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

test('adds what running parts report, and ignores other heartbeats', () => {
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
