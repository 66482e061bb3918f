import { setTimeout as delay } from 'node:timers/promises';
import { type EventSourceMessage, EventSourceParserStream } from 'eventsource-parser/stream';
import { isActive } from '../../contracts/progress.ts';
import { ExportView, exportPath } from '../../contracts/views/on-demand.ts';
import { PERIODIC_PATH, PeriodicView } from '../../contracts/views/periodic.ts';
import { CliFailure } from '../failure.ts';
import type { Client } from './client.ts';

/** Consecutive polls that may find Waybill unreachable. */
const MISSES_MAX = 30;
/** Consecutive polls after which a cancelled run is taken to have no successor. */
const CANCELLED_LOOKS = 10;

export interface WatchOptions {
  /** Milliseconds between two polls when there are no events. */
  readonly pollMs: number;
  readonly signal: AbortSignal;
}

/**
 * Follows an export until it has ended: by server-sent events, and by asking again where those are cut off or not to
 * be had. The last view yielded has ended.
 */
export function watchExport(client: Client, id: string, options: WatchOptions): AsyncGenerator<ExportView> {
  async function* look() {
    yield* eventsOf(client, id, options.signal);
    yield await client.json(ExportView, exportPath(id), options.signal);
  }
  return watch(look, (view) => !isActive(view.state), options);
}

/** How an awaited run ended. */
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
 * Polls until a run that is not one of the earlier has ended; the last look tells how. A run that was
 * under way unseen when the settings changed is cancelled for another one: that is not the end yet.
 */
export function watchRun(client: Client, earlier: ReadonlySet<string>, options: WatchOptions): AsyncGenerator<Look> {
  let cancelledLooks = 0;
  async function* look(): AsyncGenerator<Look> {
    const view = await client.json(PeriodicView, PERIODIC_PATH, options.signal);
    const seen = endOf(view, earlier);
    cancelledLooks = seen === 'cancelled' ? cancelledLooks + 1 : 0;
    yield { view, end: seen === 'cancelled' && cancelledLooks < CANCELLED_LOOKS ? undefined : seen };
  }
  return watch(look, ({ end }) => end !== undefined, options);
}

/** Polls until what is seen has ended, through failures that may pass. */
async function* watch<Seen>(
  look: () => AsyncIterable<Seen>,
  hasEnded: (seen: Seen) => boolean,
  { pollMs, signal }: WatchOptions,
): AsyncGenerator<Seen> {
  let misses = 0;
  for (;;) {
    try {
      for await (const seen of look()) {
        misses = 0;
        yield seen;
        if (hasEnded(seen)) return;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof CliFailure && error.passing)) throw error;
      misses += 1;
      if (misses > MISSES_MAX) throw error;
    }
    await delay(pollMs, undefined, { signal });
  }
}

/** Ends, without an error, where the connection does or where the server has no events. */
async function* eventsOf(client: Client, id: string, signal: AbortSignal): AsyncGenerator<ExportView> {
  const headers = { accept: 'text/event-stream' };
  const answer = await client.call('GET', exportPath(id, '/events'), { headers, signal });
  if (answer.body === null || !answer.headers.get('content-type')?.startsWith('text/event-stream')) return;
  try {
    for await (const { data } of readEvents(answer.body)) {
      const view = parseView(data);
      if (view) yield view;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof CliFailure) throw error;
    // The connection broke in mid-stream: asking again finds out whether that matters.
  }
}

function parseView(data: string): ExportView | undefined {
  try {
    return ExportView.safeParse(JSON.parse(data)).data;
  } catch {
    return undefined;
  }
}

/** Reads a stream of events that is cut anywhere; an event that the end of the stream cuts off is dropped. */
export function readEvents(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncIterable<EventSourceMessage> {
  return body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
}
