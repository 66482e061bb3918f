import { expect, test } from 'vitest';
import type { PlannedParts, Progress } from '../../contracts/progress.ts';
import { addHeartbeats, addHeartbeatsToParts } from './runs.ts';

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
const beat = (rows: number, key = 'k') => ({
  index: 1,
  rows,
  contentBytes: rows * 10,
  storedBytes: rows,
  key,
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

test('says which parts are being written, and how far', () => {
  const planned: PlannedParts = {
    ...{ total: 3, written: 1 },
    parts: [
      { place: 0, stem: 'f-00000-abc-1', state: 'written', rows: 10, storedBytes: 99 },
      { place: 1, stem: 'f-00001-abc-1', state: 'waiting', rows: 20, storedBytes: 0 },
      { place: 2, stem: 'f-00002-abc-1', state: 'waiting', rows: 30, storedBytes: 0 },
    ],
  };
  // The first has just ended; the second reports more rows than were planned, and the key of another round is not its own.
  const beats = [
    beat(3, 'a/f-00000-abc-1-1.csv'),
    beat(21, 'a/f-00001-abc-1-2.csv'),
    beat(5, 'a/f-00002-abc-2-1.csv'),
    null,
  ];
  expect(addHeartbeatsToParts(planned, beats)).toEqual({
    ...{ total: 3, written: 1 },
    parts: [
      { place: 0, state: 'written', rows: 10, storedBytes: 99 },
      { place: 1, state: 'writing', rows: 20, storedBytes: 21 },
      { place: 2, state: 'waiting', rows: 30, storedBytes: 0 },
    ],
  });
});
