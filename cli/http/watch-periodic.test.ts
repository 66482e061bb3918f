import { expect, test } from 'vitest';
import type { PeriodicView } from '../../contracts/views/periodic.ts';
import type { Client } from './client.ts';
import { ENABLED, GENERATION, NOTHING, PROGRESS, runEnded } from './periodic-fixture.ts';
import { endOf, type RunEnd, runsOf, watchRun } from './watch.ts';

const OLD = '1b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11';
const NEW = '2b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11';
const UNSEEN = '3b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11';

const running = { generationId: NEW, startedAt: '2026-11-21T01:47:00.000Z', progress: PROGRESS };
const published = { ...GENERATION, generationId: NEW };

test.each<[string, PeriodicView, RunEnd | undefined]>([
  ['has not begun', ENABLED, undefined],
  ['runs', { ...ENABLED, running }, undefined],
  ['runs, after one that failed', { ...ENABLED, running, lastRun: runEnded('failed', OLD) }, undefined],
  ['has not begun, after one that failed', { ...ENABLED, lastRun: runEnded('failed', OLD) }, undefined],
  ['is there', { ...ENABLED, generation: published, lastRun: runEnded('published', NEW) }, 'published'],
  ['is there, and the next one runs', { ...ENABLED, generation: published, running }, 'published'],
  ['is there, and was disabled', { ...NOTHING, generation: published }, 'published'],
  ['failed', { ...ENABLED, lastRun: runEnded('failed', NEW) }, 'failed'],
  [
    'failed, and the earlier one stays',
    { ...ENABLED, generation: { ...GENERATION, generationId: OLD }, lastRun: runEnded('failed', NEW) },
    'failed',
  ],
  ['was cancelled', { ...ENABLED, lastRun: runEnded('cancelled', NEW) }, 'cancelled'],
  ['will not come', { ...NOTHING, recipient: 'age1', lastRun: runEnded('published', OLD) }, 'disabled'],
  ['has ended and is being written down', { ...ENABLED, lastRun: runEnded('published', NEW) }, undefined],
])('a run that %s', (_, view, end) => {
  expect(endOf(view, new Set([OLD]))).toBe(end);
});

test('the runs of a view are those it names', () => {
  expect(runsOf(NOTHING)).toEqual(new Set());
  const view = { ...ENABLED, running, lastRun: runEnded('failed', OLD), generation: GENERATION };
  expect(runsOf(view)).toEqual(new Set([NEW, OLD, GENERATION.generationId]));
});

/** Answers with these views in turn, and with the last one for ever. */
function showing(views: readonly PeriodicView[]): Client {
  let looks = 0;
  return {
    call: () => Promise.reject(new Error('not asked for')),
    json: async (schema) => {
      looks += 1;
      return schema.parse(views[Math.min(looks, views.length) - 1]);
    },
  };
}

async function endsOf(...views: readonly PeriodicView[]): Promise<readonly (RunEnd | undefined)[]> {
  let looks = 0;
  const onView = () => {
    looks += 1;
  };
  const options = { pollMs: 1, signal: new AbortController().signal, onView };
  const { end } = await watchRun(showing(views), new Set([OLD]), options);
  return [...Array(looks - 1), end];
}

test('a run that is cancelled for another one is not the end', async () => {
  const cancelled = { ...ENABLED, lastRun: runEnded('cancelled', UNSEEN) };
  const then = { ...cancelled, generation: published };
  expect(await endsOf(ENABLED, cancelled, { ...cancelled, running }, then)).toEqual([...Array(3), 'published']);
});

test('a run that is cancelled for no other one ends the watching', async () => {
  const ends = await endsOf({ ...ENABLED, lastRun: runEnded('cancelled', NEW) });
  expect(ends).toEqual([...Array(9), 'cancelled']);
});
