import { setTimeout as delay } from 'node:timers/promises';
import type { Handler } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { Logger } from 'pino';
import { isActive, type Progress } from '../../contracts/progress.ts';
import type { Ledger, Run } from '../../stores/ledger/ports.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import { type CloseLostRun, findRun } from './find.ts';
import type { Link, Links } from './links.ts';
import type { ProgressReader } from './progress.ts';

/** Interval between comments that keep an idle connection open: proxies close one after about a minute. */
const KEEP_ALIVE_MS = 15_000;

/** An export and its progress at one point in time. */
export interface Snapshot {
  readonly run: Run;
  readonly progress: Progress;
}

type Listener = (snapshot: Snapshot) => void;

/** Watches exports with one lookup at a time per export, regardless of the number of listeners. */
export interface Watch {
  /** @returns a function that stops listening */
  subscribe(run: Run, listener: Listener): () => void;
}

/** @param everyMs interval between lookups, in milliseconds */
export function createWatch(
  deps: {
    readonly ledger: Pick<Ledger, 'runs'>;
    readonly progress: ProgressReader;
    readonly closeLostRun: CloseLostRun;
    readonly logger: Logger;
  },
  everyMs: number,
): Watch {
  const listeners = new Map<string, Set<Listener>>();

  async function lookUp(runId: string, all: ReadonlySet<Listener>): Promise<Run | undefined> {
    try {
      const found = await deps.ledger.runs.find(runId);
      if (!found) return undefined;
      const run = await deps.closeLostRun(found);
      const snapshot = { run, progress: await deps.progress.read(run) };
      for (const listener of all) listener(snapshot);
      return run;
    } catch (error) {
      // Listeners stay subscribed during an outage; the next lookup may succeed.
      deps.logger.warn({ err: error, runId }, 'a watched run could not be read');
      return undefined;
    }
  }

  async function follow(runId: string, all: ReadonlySet<Listener>): Promise<void> {
    while (listeners.get(runId) === all) {
      const run = await lookUp(runId, all);
      if (run && !isActive(run.state) && listeners.get(runId) === all) listeners.delete(runId);
      else await delay(everyMs);
    }
  }

  return {
    subscribe({ runId }, listener) {
      const known = listeners.get(runId);
      const all = known ?? new Set<Listener>();
      all.add(listener);
      listeners.set(runId, all);
      // Never rejects: every lookup handles its own failure.
      if (!known) void follow(runId, all);
      return () => {
        all.delete(listener);
        if (all.size === 0 && listeners.get(runId) === all) listeners.delete(runId);
      };
    },
  };
}

export interface EventDeps extends Pick<ApiDeps, 'ledger' | 'stopping' | 'clock'> {
  readonly links: Links;
  readonly progress: ProgressReader;
  readonly watch: Watch;
  /** The data of an event. */
  readonly view: (run: Run, progress: Progress, link: Link | null, now: Date) => unknown;
}

/**
 * Answers `GET /exports/{id}/events` with the current export, every change of it, and `end` once it has ended. A slow
 * client skips intermediate states. When the process stops, the stream closes without `end`, and the client reconnects.
 */
export function eventsHandler(deps: EventDeps): Handler<ApiEnv> {
  const { links, progress, watch, view, stopping, clock } = deps;
  return async function sendEvents(c) {
    const run = await findRun(c, deps);
    const first: Snapshot = { run, progress: progress.recall(run) };
    c.header('X-Accel-Buffering', 'no');
    if (c.req.method === 'HEAD') return c.body(null, 200, { 'Content-Type': 'text/event-stream' });

    return streamSSE(c, async (stream) => {
      const inbox = createInbox(first);
      const unsubscribe = watch.subscribe(run, inbox.put);
      stream.onAbort(inbox.wake);
      stopping.addEventListener('abort', inbox.wake);
      try {
        let sent = '';
        while (!stream.aborted && !stopping.aborted) {
          const snapshot = inbox.take();
          if (!snapshot) {
            if ((await inbox.wait(KEEP_ALIVE_MS)) === 'quiet') await stream.write(': keep-alive\n\n');
            continue;
          }
          const now = clock.now();
          const bare = JSON.stringify(view(snapshot.run, snapshot.progress, null, now));
          if (bare === sent) continue;
          sent = bare;
          const data = JSON.stringify(view(snapshot.run, snapshot.progress, links.mint(snapshot.run), now));
          await stream.writeSSE({ event: 'progress', data });
          if (isActive(snapshot.run.state)) continue;
          await stream.writeSSE({ event: 'end', data });
          return;
        }
      } finally {
        unsubscribe();
        stopping.removeEventListener('abort', inbox.wake);
      }
    });
  };
}

/** Holds the newest snapshot until it is read. */
function createInbox(first: Snapshot) {
  let newest: Snapshot | undefined = first;
  let woken = () => {};
  return {
    put(snapshot: Snapshot) {
      newest = snapshot;
      woken();
    },
    wake() {
      woken();
    },
    take() {
      const snapshot = newest;
      newest = undefined;
      return snapshot;
    },
    /** @param ms timeout in milliseconds. @returns `quiet` if nothing arrived in time */
    wait(ms: number): Promise<'woken' | 'quiet'> {
      if (newest) return Promise.resolve('woken');
      return new Promise((resolve) => {
        const timer = setTimeout(() => resolve('quiet'), ms);
        woken = () => {
          clearTimeout(timer);
          resolve('woken');
        };
      });
    },
  };
}
