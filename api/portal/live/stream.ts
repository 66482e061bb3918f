import { setTimeout as delay } from 'node:timers/promises';
import { streamSSE } from 'hono/streaming';
import type { SessionLookup } from '../../../stores/ledger/ports.ts';
import { createTimes } from '../components/times.ts';
import type { PortalContext, PortalHandler } from '../environment.ts';
import type { Markup } from '../shell/markup.ts';
import type { PortalDeps } from '../tab.ts';

/** An element of a page that changes while somebody looks at it. */
export interface Fragment {
  /** Id of the element, which its markup carries. */
  readonly id: string;
  readonly markup: Markup;
}

/** What a page shows at one moment. */
export interface Frame {
  /** In the order of the page. */
  readonly fragments: readonly Fragment[];
  /** What screen readers are told; repeated only once it changes. */
  readonly say?: string | undefined;
  /** Whether nothing will change any more. */
  readonly isFinal?: boolean;
}

/** Interval between looks at what a page shows, in milliseconds. */
const LOOK_MS = 1000;
/** Interval between looks at the session, and between comments that keep an idle connection open. Milliseconds. */
const CHECK_MS = 15_000;

/** Sessions, as far as streams depend on them. */
interface StateReader {
  read(c: PortalContext, use: boolean): Promise<{ readonly state: SessionLookup['state'] } | undefined>;
}

/**
 * Answers a page's stream of changes, an address that ends in `/events`. Events: `fragments`, a list of `{ id, html }`;
 * `say`, a text; `end`, once nothing will change any more; `logged-out`. When the process stops, the stream closes, and the page connects elsewhere.
 *
 * @param load what the page shows now; called every second
 */
export function changes(
  { sessions, stopping, clock }: Pick<PortalDeps, 'stopping' | 'clock'> & { readonly sessions: StateReader },
  load: (c: PortalContext) => Promise<Frame>,
): PortalHandler {
  return async function sendChanges(c) {
    c.header('X-Accel-Buffering', 'no');
    const first = await load(c);
    return streamSSE(c, async (stream) => {
      const sent = new Map<string, string>();
      let said: string | undefined;
      let frame: Frame | undefined = first;
      let checkedAt = Date.now();
      while (!stream.aborted && !stopping.aborted) {
        if (frame) {
          const changed = [];
          for (const { id, markup } of frame.fragments) {
            const html = String(await markup);
            if (sent.get(id) === html) continue;
            sent.set(id, html);
            changed.push({ id, html });
          }
          if (changed.length > 0) await stream.writeSSE({ event: 'fragments', data: JSON.stringify(changed) });
          if (frame.say !== undefined && frame.say !== said) {
            said = frame.say;
            await stream.writeSSE({ event: 'say', data: frame.say });
          }
          if (frame.isFinal) {
            await stream.writeSSE({ event: 'end', data: '' });
            return;
          }
        }
        await delay(LOOK_MS);
        if (Date.now() - checkedAt >= CHECK_MS) {
          checkedAt = Date.now();
          if ((await lookUp(c))?.state !== 'open') {
            await stream.writeSSE({ event: 'logged-out', data: '' });
            return;
          }
          await stream.write(': keep-alive\n\n');
        }
        frame = await look(c);
      }
    });
  };

  /** An outage leaves the page as it is; the next look may succeed. */
  async function look(c: PortalContext): Promise<Frame | undefined> {
    try {
      c.set('times', createTimes(c.get('times').zone, clock.now()));
      return await load(c);
    } catch (error) {
      c.get('logger').warn({ err: error }, 'what a page shows could not be read');
      return undefined;
    }
  }

  async function lookUp(c: PortalContext) {
    try {
      return await sessions.read(c, false);
    } catch {
      return { state: 'open' } as const;
    }
  }
}
