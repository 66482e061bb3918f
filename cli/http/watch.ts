import { setTimeout as delay } from 'node:timers/promises';
import { isActive } from '../../contracts/progress.ts';
import { ExportView, exportPath } from '../../contracts/views/on-demand.ts';
import { CliFailure } from '../failure.ts';
import type { Client } from './client.ts';
import { readEvents } from './server-sent-events.ts';

/** A count of looks in a row that may find Waybill unreachable, before watching ends. */
const MISSES_MAX = 30;

export interface WatchOptions {
  /** Milliseconds between two looks when events cannot be had. */
  readonly pollMs: number;
  readonly signal: AbortSignal;
}

/**
 * Follows an export until it has ended: by server-sent events, and by asking again where those are cut off or not to
 * be had. The last view yielded has ended.
 */
export async function* watchExport(client: Client, id: string, options: WatchOptions): AsyncGenerator<ExportView> {
  const { pollMs, signal } = options;
  let misses = 0;
  for (;;) {
    let view: ExportView | undefined;
    try {
      for await (view of eventsOf(client, id, signal)) {
        misses = 0;
        yield view;
        if (!isActive(view.state)) return;
      }
      view = await client.json(ExportView, exportPath(id), signal);
      misses = 0;
      yield view;
      if (!isActive(view.state)) return;
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
