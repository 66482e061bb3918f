import type { Handler } from 'hono';
import { streamSSE } from 'hono/streaming';
import { isActive } from '../../contracts/progress.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import type { ProgressReader } from '../runs/progress.ts';
import type { Links } from './links.ts';
import { locateExport } from './locate.ts';
import { exportView } from './view.ts';
import type { Snapshot, Watch } from './watch.ts';

/** Proxies close connections that are silent for a minute; a comment now and then keeps them. */
const KEEP_ALIVE_MS = 15_000;

export interface EventDeps extends Pick<ApiDeps, 'ledger' | 'stopping' | 'clock'> {
  readonly links: Links;
  readonly progress: ProgressReader;
  readonly watch: Watch;
}

/**
 * Answers `GET /exports/{id}/events`: the export now, again whenever it changed, and `end` once it has ended. A client
 * that falls behind gets the newest state, not every one. When the process stops, the stream ends without `end`, and
 * the client reconnects.
 */
export function eventsHandler(deps: EventDeps): Handler<ApiEnv> {
  const { ledger, links, progress, watch, stopping, clock } = deps;
  return async function sendEvents(c) {
    const record = await locateExport(ledger, c.get('caller').tenant.key, c.req.param('id') ?? '');
    const first: Snapshot = { record, progress: progress.recall(record) };
    c.header('X-Accel-Buffering', 'no');
    if (c.req.method === 'HEAD') return c.body(null, 200, { 'Content-Type': 'text/event-stream' });

    return streamSSE(c, async (stream) => {
      const inbox = createInbox(first);
      const unsubscribe = watch.subscribe(record, inbox.put);
      stream.onAbort(inbox.wake);
      stopping.addEventListener('abort', inbox.wake);
      try {
        let told = '';
        while (!stream.aborted && !stopping.aborted) {
          const snapshot = inbox.take();
          if (!snapshot) {
            if ((await inbox.wait(KEEP_ALIVE_MS)) === 'quiet') await stream.write(': keep-alive\n\n');
            continue;
          }
          const now = clock.now();
          const bare = JSON.stringify(exportView(snapshot.record, snapshot.progress, null, now));
          if (bare === told) continue;
          told = bare;
          const data = JSON.stringify(exportView(snapshot.record, snapshot.progress, links.mint(snapshot.record), now));
          await stream.writeSSE({ event: 'progress', data });
          if (isActive(snapshot.record.state)) continue;
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

/** Holds the newest snapshot until it is taken. */
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
    /** @returns `quiet` when nothing came within so many milliseconds */
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
