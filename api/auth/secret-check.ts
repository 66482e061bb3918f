import type { Credential, Ledger } from '../../stores/ledger/ledger.ts';
import type { FailedLogins } from '../limits/failed-logins.ts';
import { splitPair } from './presented.ts';

/**
 * Checks secrets under the limit of failed log-ins. One that was right a moment ago takes no token and no time, so
 * whoever guesses at a client id, or from the same address, does not lock its owner out.
 * Both return `undefined` for a secret that is wrong.
 */
export interface SecretCheck {
  /** @throws TryLater `rate_limited` before the secret is looked at */
  pair(address: string, clientId: string, secret: string): Promise<Credential | undefined>;
  /** `client id:secret`, or an API key. @throws TryLater `rate_limited` before it is looked at */
  bearer(address: string, value: string): Promise<Credential | undefined>;
}

export function secretCheck({
  ledger,
  logins,
}: {
  readonly ledger: Pick<Ledger, 'recallCredential' | 'verifyCredential' | 'verifyApiKey'>;
  readonly logins: FailedLogins;
}): SecretCheck {
  return {
    async pair(address, clientId, secret) {
      const recalled = await ledger.recallCredential(clientId, secret);
      return recalled ?? logins.guard({ address, clientId }, () => ledger.verifyCredential(clientId, secret));
    },

    async bearer(address, value) {
      const pair = splitPair(value);
      const recalled = pair && (await ledger.recallCredential(pair.clientId, pair.secret));
      const known = recalled ?? (await ledger.recallCredential(null, value));
      if (known) return known;
      return logins.guard({ address, clientId: pair?.clientId ?? null }, async () => {
        const paired = pair && (await ledger.verifyCredential(pair.clientId, pair.secret));
        return paired ?? ledger.verifyApiKey(value);
      });
    },
  };
}
