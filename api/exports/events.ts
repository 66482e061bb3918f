import type { Handler } from 'hono';
import { streamSSE } from 'hono/streaming';
import { isActive } from '../../contracts/progress.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import type { Links } from './links.ts';
import { locateExport } from './locate.ts';
import type { ProgressReader } from './progress-reader.ts';
import { exportView } from './view.ts';
import type { Sight, Watch } from './watch.ts';

/** Proxies close connections that are silent for a minute; a comment now and then keeps them. */
const KEEP_ALIVE_MS = 15_000;

export interface EventDeps extends Pick<ApiDeps, 'ledger' | 'stopping'> {
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
  const { ledger, links, progress, watch, stopping } = deps;
  return async function sendEvents(c) {
    const record = await locateExport(ledger, c.get('caller').tenant.key, c.req.param('id') ?? '');
    const first: Sight = { record, progress: progress.recall(record) };
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
          const sight = inbox.take();
          if (!sight) {
            if ((await inbox.wait(KEEP_ALIVE_MS)) === 'quiet') await stream.write(': keep-alive\n\n');
            continue;
          }
          const bare = JSON.stringify(exportView(sight.record, sight.progress, null));
          if (bare === told) continue;
          told = bare;
          const data = JSON.stringify(exportView(sight.record, sight.progress, links.mint(sight.record)));
          await stream.writeSSE({ event: 'progress', data });
          if (isActive(sight.record.state)) continue;
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

/** Holds the newest sight until it is taken. */
function createInbox(first: Sight) {
  let newest: Sight | undefined = first;
  let woken = () => {};
  return {
    put(sight: Sight) {
      newest = sight;
      woken();
    },
    wake() {
      woken();
    },
    take() {
      const sight = newest;
      newest = undefined;
      return sight;
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
