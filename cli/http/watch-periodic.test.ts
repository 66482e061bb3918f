import { expect, test } from 'vitest';
import type { Client } from './client.ts';
import { ENABLED, GENERATION, NOTHING, PROGRESS, runEnded } from './periodic-fixture.ts';
import type { PeriodicView } from './periodic-view.ts';
import { endOf, type RunEnd, runsOf, watchRun } from './watch-periodic.ts';

const running = { generationId: 'new', startedAt: '2026-11-21T01:47:00.000Z', progress: PROGRESS };
const published = { ...GENERATION, generationId: 'new' };

test.each<[string, PeriodicView, RunEnd | undefined]>([
  ['has not begun', ENABLED, undefined],
  ['runs', { ...ENABLED, running }, undefined],
  ['runs, after one that failed', { ...ENABLED, running, lastRun: runEnded('failed', 'old') }, undefined],
  ['has not begun, after one that failed', { ...ENABLED, lastRun: runEnded('failed', 'old') }, undefined],
  ['is there', { ...ENABLED, generation: published, lastRun: runEnded('published', 'new') }, 'published'],
  ['is there, and the next one runs', { ...ENABLED, generation: published, running }, 'published'],
  ['is there, and was disabled', { ...NOTHING, generation: published }, 'published'],
  ['failed', { ...ENABLED, lastRun: runEnded('failed', 'new') }, 'failed'],
  [
    'failed, and the earlier one stays',
    { ...ENABLED, generation: { ...GENERATION, generationId: 'old' }, lastRun: runEnded('failed', 'new') },
    'failed',
  ],
  ['was cancelled', { ...ENABLED, lastRun: runEnded('cancelled', 'new') }, 'cancelled'],
  ['will not come', { ...NOTHING, recipient: 'age1', lastRun: runEnded('published', 'old') }, 'disabled'],
  ['has ended and is being written down', { ...ENABLED, lastRun: runEnded('published', 'new') }, undefined],
])('a run that %s', (_, view, end) => {
  expect(endOf(view, new Set(['old']))).toBe(end);
});

test('the runs of a view are those it names', () => {
  expect(runsOf(NOTHING)).toEqual(new Set());
  const view = { ...ENABLED, running, lastRun: runEnded('failed', 'old'), generation: GENERATION };
  expect(runsOf(view)).toEqual(new Set(['new', 'old', GENERATION.generationId]));
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
  const ends: (RunEnd | undefined)[] = [];
  const options = { pollMs: 1, signal: new AbortController().signal };
  for await (const { end } of watchRun(showing(views), new Set(['old']), options)) ends.push(end);
  return ends;
}

test('a run that is cancelled for another one is not the end', async () => {
  const cancelled = { ...ENABLED, lastRun: runEnded('cancelled', 'unseen') };
  const then = { ...cancelled, generation: published };
  expect(await endsOf(ENABLED, cancelled, { ...cancelled, running }, then)).toEqual([...Array(3), 'published']);
});

test('a run that is cancelled for no other one ends the watching', async () => {
  const ends = await endsOf({ ...ENABLED, lastRun: runEnded('cancelled', 'new') });
  expect(ends).toEqual([...Array(9), 'cancelled']);
});
