import { createHash, randomBytes } from 'node:crypto';
import type { SessionLookup } from '../../../stores/ledger/ports.ts';
import type { ApiDeps } from '../../deps.ts';
import type { PortalContext } from '../environment.ts';
import type { Cookies } from '../session/cookies.ts';
import { IDLE_MINUTES, LASTS_HOURS } from '../session/sessions.ts';

const TOKEN_BYTES = 32;

/** Sessions of operators. Another secret in the settings ends all of them. */
export interface OperatorLogins {
  begin(c: PortalContext): Promise<void>;
  /** @param use whether this counts as a use. @returns `undefined`: the browser sent no token */
  read(
    c: PortalContext,
    use: boolean,
  ): Promise<{ readonly state: SessionLookup['state']; readonly token: string } | undefined>;
  end(c: PortalContext): Promise<void>;
}

export function createOperatorLogins(
  { ledger, clock }: Pick<ApiDeps, 'ledger' | 'clock'>,
  cookies: Cookies,
  secretHash: string,
): OperatorLogins {
  const { operatorSessions } = ledger;
  const sha256 = (text: string) => createHash('sha256').update(text).digest();
  const generation = sha256(secretHash);
  const limits = { idleMs: IDLE_MINUTES * 60_000, lastsMs: LASTS_HOURS * 3_600_000 };

  async function end(c: PortalContext): Promise<void> {
    const token = cookies.read(c, 'session');
    if (token !== undefined) await operatorSessions.end(sha256(token));
    cookies.clear(c, 'session');
  }

  return {
    async begin(c) {
      await end(c);
      const token = randomBytes(TOKEN_BYTES).toString('base64url');
      await operatorSessions.begin({ tokenHash: sha256(token), generation, now: clock.now() });
      cookies.set(c, 'session', token);
    },

    async read(c, use) {
      const token = cookies.read(c, 'session');
      if (token === undefined || token === '') return undefined;
      const state = await operatorSessions.find(sha256(token), { generation, ...limits, now: clock.now(), use });
      return { state, token };
    },

    end,
  };
}
