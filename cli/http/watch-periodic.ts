import { setTimeout as delay } from 'node:timers/promises';
import { CliFailure } from '../failure.ts';
import type { Client } from './client.ts';
import { PERIODIC_PATH, type PeriodicView, periodicViewSchema } from './periodic-view.ts';

/** A count of looks in a row that may find Waybill unreachable, before watching ends. */
const MISSES_MAX = 30;

export interface WatchRunOptions {
  /** Milliseconds between two looks. */
  readonly pollMs: number;
  readonly signal: AbortSignal;
}

/** What has come of a run that was waited for. */
export type RunEnd = 'published' | 'failed' | 'cancelled' | 'disabled';

/** Ids of the runs that a view knows. */
export function runsOf(view: PeriodicView): ReadonlySet<string> {
  const runs = [view.generation, view.lastRun, view.running];
  return new Set(runs.flatMap((run) => (run === null ? [] : [run.generationId])));
}

/**
 * @param earlier runs that are not the one waited for
 * @returns how the awaited run ended; `undefined` while it has not.
 */
export function endOf(view: PeriodicView, earlier: ReadonlySet<string>): RunEnd | undefined {
  if (view.generation !== null && !earlier.has(view.generation.generationId)) return 'published';
  if (!view.enabled) return 'disabled';
  if (view.running !== null || view.lastRun === null || earlier.has(view.lastRun.generationId)) return undefined;
  return view.lastRun.state === 'failed' || view.lastRun.state === 'cancelled' ? view.lastRun.state : undefined;
}

/** Looks again and again until a run that is not one of the earlier has ended; the last view yielded tells how. */
export async function* watchRun(
  client: Client,
  earlier: ReadonlySet<string>,
  { pollMs, signal }: WatchRunOptions,
): AsyncGenerator<PeriodicView> {
  let misses = 0;
  for (;;) {
    try {
      const view = await client.json(periodicViewSchema, PERIODIC_PATH, signal);
      misses = 0;
      yield view;
      if (endOf(view, earlier) !== undefined) return;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof CliFailure && error.passing)) throw error;
      misses += 1;
      if (misses > MISSES_MAX) throw error;
    }
    await delay(pollMs, undefined, { signal });
  }
}
