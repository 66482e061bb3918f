import { createHash, randomBytes } from 'node:crypto';
import type { Context } from 'hono';
import type { Credential, PortalSession, SessionLookup } from '../../../stores/ledger/ports.ts';
import type { ApiDeps } from '../../deps.ts';
import type { Cookies } from './cookies.ts';

/** How long a session may be unused. Minutes. */
export const IDLE_MINUTES = 30;
/** How long a session is open at most. Hours. */
export const LASTS_HOURS = 12;

const TOKEN_BYTES = 32;

/** Sessions of browsers. The ledger holds a hash of the token, so reading the ledger opens no session. */
export interface Sessions {
  /** Begins a session with a new token, and ends the one that the browser had. */
  begin(c: Context, session: PortalSession & { readonly credential: Credential | null }): Promise<void>;
  /**
   * @param use whether this counts as a use; streams of changes do not
   * @returns the session and its token, or why there is none; `undefined`: the browser sent no token
   */
  read(c: Context, use: boolean): Promise<(SessionLookup & { readonly token: string }) | undefined>;
  /** Ends the session, if there is one. */
  end(c: Context): Promise<void>;
}

export function createSessions({ ledger, clock }: Pick<ApiDeps, 'ledger' | 'clock'>, cookies: Cookies): Sessions {
  const { portalSessions } = ledger;
  const hashOf = (token: string) => createHash('sha256').update(token).digest();
  const limits = { idleMs: IDLE_MINUTES * 60_000, lastsMs: LASTS_HOURS * 3_600_000 };

  async function end(c: Context): Promise<void> {
    const token = cookies.read(c, 'session');
    if (token !== undefined) await portalSessions.end(hashOf(token));
    cookies.clear(c, 'session');
  }

  return {
    async begin(c, session) {
      await end(c);
      const token = randomBytes(TOKEN_BYTES).toString('base64url');
      await portalSessions.begin({ ...session, tokenHash: hashOf(token), now: clock.now() });
      cookies.set(c, 'session', token);
    },

    async read(c, use) {
      const token = cookies.read(c, 'session');
      if (token === undefined || token === '') return undefined;
      return { ...(await portalSessions.find(hashOf(token), { ...limits, now: clock.now(), use })), token };
    },

    end,
  };
}
