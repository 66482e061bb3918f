import { createHmac, randomBytes } from 'node:crypto';
import { clientNetwork } from '../../config/networks.ts';
import type { ApiDeps } from '../deps.ts';
import { TryLater } from '../problems/problem.ts';
import { createBuckets } from './buckets.ts';

const KEYS_MAX = 100_000;
const TRUSTED_MAX = 10_000;

/** What a log-in is counted under. */
export interface LoginAttempt {
  readonly address: string;
  /** `null` where the credential names none. */
  readonly clientId: string | null;
  /** The whole of what was presented. Kept only as an HMAC under a key that never leaves the process. */
  readonly presented: string;
}

/**
 * Failed log-ins a minute, by address (IPv6: by its /64) and by client id. What has worked before is let through, so that somebody who
 * guesses at a client id does not lock its owner out.
 */
export interface FailedLogins {
  /** @throws TryLater `rate_limited` before the secret is looked at */
  check(attempt: LoginAttempt): void;
  failed(attempt: Pick<LoginAttempt, 'address' | 'clientId'>): void;
  succeeded(attempt: LoginAttempt): void;
}

export function failedLogins({ settings, clock }: Pick<ApiDeps, 'settings' | 'clock'>): FailedLogins {
  const perMinute = settings.WAYBILL_LOGIN_FAILURES_MAX;
  const buckets = createBuckets(clock, KEYS_MAX);
  const trusted = new Set<string>();
  const memoryKey = randomBytes(32);
  const place = (presented: string) => createHmac('sha256', memoryKey).update(presented).digest('base64');
  const keysOf = ({ address, clientId }: Pick<LoginAttempt, 'address' | 'clientId'>) => {
    const network = `address ${clientNetwork(address)}`;
    return clientId === null ? [network] : [network, `client ${clientId}`];
  };

  return {
    check(attempt) {
      const waits = keysOf(attempt).map((key) => buckets.peek(key, perMinute).retryAfterSeconds);
      const wait = Math.max(...waits);
      if (wait === 0 || trusted.has(place(attempt.presented))) return;
      throw new TryLater('rate_limited', wait, 'Too many log-ins failed. Wait for the seconds that Retry-After names.');
    },
    failed(attempt) {
      for (const key of keysOf(attempt)) buckets.take(key, perMinute);
    },
    succeeded(attempt) {
      const entry = place(attempt.presented);
      trusted.delete(entry);
      trusted.add(entry);
      const oldest = trusted.values().next().value;
      if (trusted.size > TRUSTED_MAX && oldest !== undefined) trusted.delete(oldest);
    },
  };
}
