import { setTimeout as delay } from 'node:timers/promises';
import { type EventSourceMessage, EventSourceParserStream } from 'eventsource-parser/stream';
import { isActive } from '../../contracts/progress.ts';
import { ExportView, exportPath } from '../../contracts/views/on-demand.ts';
import { PERIODIC_PATH, PeriodicView } from '../../contracts/views/periodic.ts';
import { ExportJob } from '../../contracts/views/questionnaires.ts';
import { type RecurringRunView, RUNS_PATH, RunsAnswer } from '../../contracts/views/recurring.ts';
import { CliFailure } from '../failure.ts';
import type { Client } from './client.ts';

/** Consecutive polls that may find Waybill unreachable. */
const UNREACHABLE_POLLS_MAX = 30;
/** Consecutive polls after which a cancelled run is taken to have no successor. */
const CANCELLED_POLLS = 10;

export interface WatchOptions<View> {
  /** Milliseconds between two polls when there are no events. */
  readonly pollMs: number;
  readonly signal: AbortSignal;
  /** Receives every view, the last one included. */
  onView(view: View): void;
}

/** Follows an export by server-sent events, and by polling where there are none. @returns the export, ended */
export function watchExport(client: Client, id: string, options: WatchOptions<ExportView>): Promise<ExportView> {
  async function* look() {
    yield* eventsOf(client, id, options.signal);
    yield await client.json(ExportView, exportPath(id), options.signal);
  }
  return watch(look, (view) => (isActive(view.state) ? undefined : view), options);
}

/** How an awaited run ended. */
export type RunEnd = 'published' | 'failed' | 'cancelled' | 'disabled';

/** Ids of the runs in a view. */
export function runsOf(view: PeriodicView): ReadonlySet<string> {
  const runs = [view.generation, view.lastRun, view.running];
  return new Set(runs.flatMap((run) => (run === null ? [] : [run.generationId])));
}

/**
 * @param earlier runs to ignore
 * @returns how the awaited run ended; `undefined` while it has not
 */
export function endOf(view: PeriodicView, earlier: ReadonlySet<string>): RunEnd | undefined {
  if (view.generation !== null && !earlier.has(view.generation.generationId)) return 'published';
  if (!view.enabled) return 'disabled';
  if (view.running !== null || view.lastRun === null || earlier.has(view.lastRun.generationId)) return undefined;
  return view.lastRun.state === 'failed' || view.lastRun.state === 'cancelled' ? view.lastRun.state : undefined;
}

export interface EndedRun {
  readonly view: PeriodicView;
  readonly end: RunEnd;
}

/**
 * Polls until a run has ended. A change of settings cancels the active run and starts another one, so a cancelled run
 * counts as the end only if no successor appears.
 *
 * @param earlier runs to ignore
 */
export function watchRun(
  client: Client,
  earlier: ReadonlySet<string>,
  options: WatchOptions<PeriodicView>,
): Promise<EndedRun> {
  let cancelledPolls = 0;
  async function* look() {
    yield await client.json(PeriodicView, PERIODIC_PATH, options.signal);
  }
  function ended(view: PeriodicView): EndedRun | undefined {
    const end = endOf(view, earlier);
    cancelledPolls = end === 'cancelled' ? cancelledPolls + 1 : 0;
    if (end === undefined || (end === 'cancelled' && cancelledPolls < CANCELLED_POLLS)) return undefined;
    return { view, end };
  }
  return watch(look, ended, options);
}

/** Consecutive polls after which a run that the list does not have is taken to have found nothing to do. */
const UNLISTED_POLLS_MAX = 60;

/** Polls until a recurring run has ended. @returns `undefined`: it never appeared, because nothing was new */
export async function watchRecurringRun(
  client: Client,
  id: string,
  options: WatchOptions<RecurringRunView | undefined>,
): Promise<RecurringRunView | undefined> {
  let unlisted = 0;
  async function* look() {
    const { result } = await client.json(RunsAnswer, RUNS_PATH, options.signal);
    yield result.listOfItems.find((run) => run.run_id === id);
  }
  function ended(run: RecurringRunView | undefined): { readonly run: RecurringRunView | undefined } | undefined {
    if (run) return run.state === 'running' ? undefined : { run };
    unlisted += 1;
    return unlisted > UNLISTED_POLLS_MAX ? { run } : undefined;
  }
  return (await watch(look, ended, options)).run;
}

/** Polls until the job of an archive has ended. @param path of the job */
export function watchArchive(client: Client, path: string, options: WatchOptions<ExportJob>): Promise<ExportJob> {
  async function* look() {
    yield await client.json(ExportJob, path, options.signal);
  }
  const isOver = ({ ExportStatus: status }: ExportJob) => status !== 'Created' && status !== 'Running';
  return watch(look, (job) => (isOver(job) ? job : undefined), options);
}

/** Polls until `ended` returns a result; tolerates temporary failures. */
async function watch<View, Result>(
  look: () => AsyncIterable<View>,
  ended: (view: View) => Result | undefined,
  { pollMs, signal, onView }: WatchOptions<View>,
): Promise<Result> {
  let failures = 0;
  for (;;) {
    try {
      for await (const view of look()) {
        failures = 0;
        onView(view);
        const result = ended(view);
        if (result !== undefined) return result;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof CliFailure && error.temporary)) throw error;
      failures += 1;
      if (failures > UNREACHABLE_POLLS_MAX) throw error;
    }
    await delay(pollMs, undefined, { signal });
  }
}

/** Ends without an error when the connection breaks, or when the server has no events. */
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
    // The connection broke in mid-stream; the next poll shows whether that matters.
  }
}

function parseView(data: string): ExportView | undefined {
  try {
    return ExportView.safeParse(JSON.parse(data)).data;
  } catch {
    return undefined;
  }
}

/** Reads a stream of events; drops an event that the end of the stream cuts off. */
export function readEvents(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncIterable<EventSourceMessage> {
  return body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
}
