import { setTimeout as delay } from 'node:timers/promises';
import { PERIODIC_PATH, PeriodicView } from '../../contracts/views/periodic.ts';
import { CliFailure } from '../failure.ts';
import type { Client } from './client.ts';

/** A count of looks in a row that may find Waybill unreachable, before watching ends. */
const MISSES_MAX = 30;
/** A count of looks in a row after which a run that was cancelled is believed to have no successor. */
const CANCELLED_LOOKS = 10;

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

export interface Look {
  readonly view: PeriodicView;
  /** `undefined`: the run has not ended. */
  readonly end: RunEnd | undefined;
}

/**
 * Looks again and again until a run that is not one of the earlier has ended; the last look tells how. A run that was
 * under way unseen when the settings changed is cancelled for another one: that is not the end yet.
 */
export async function* watchRun(
  client: Client,
  earlier: ReadonlySet<string>,
  { pollMs, signal }: WatchRunOptions,
): AsyncGenerator<Look> {
  let misses = 0;
  let cancelledLooks = 0;
  for (;;) {
    try {
      const view = await client.json(PeriodicView, PERIODIC_PATH, signal);
      misses = 0;
      const seen = endOf(view, earlier);
      cancelledLooks = seen === 'cancelled' ? cancelledLooks + 1 : 0;
      const end = seen === 'cancelled' && cancelledLooks < CANCELLED_LOOKS ? undefined : seen;
      yield { view, end };
      if (end !== undefined) return;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof CliFailure && error.passing)) throw error;
      misses += 1;
      if (misses > MISSES_MAX) throw error;
    }
    await delay(pollMs, undefined, { signal });
  }
}
