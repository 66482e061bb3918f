import type { Context } from 'hono';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { clientNetwork } from '../../config/networks.ts';
import type { Tenant } from '../../stores/ledger/ports.ts';
import type { LoginLimit } from '../../stores/limits/login-limit.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import { TryLater } from '../http/problems.ts';

/** Seconds of a window; it begins with a tenant's first request. */
const WINDOW_SECONDS = 60;
/**
 * Log-ins that one process checks at once, a count. Below the usual limit, so that concurrent log-ins with the right
 * secret do not use it up; as many as may wait for scrypt.
 */
const CHECKS_MAX = 64;
/** Seconds after which those checks are done. */
const CHECKS_RETRY_SECONDS = 2;

/** Counts one request of a tenant and reports what is left in the headers. @throws TryLater `rate_limited` */
export type CountRequest = (c: Context<ApiEnv>, tenant: Tenant) => Promise<void>;

/**
 * Limits the requests a minute of each tenant, in this process: a request pays no round trip for it.
 * Source of the headers: draft-ietf-httpapi-ratelimit-headers-10.
 */
export function requestLimit({ settings }: Pick<ApiDeps, 'settings'>): CountRequest {
  const points = settings.WAYBILL_TENANT_REQUESTS_MAX;
  const counter = new RateLimiterMemory({ points, duration: WINDOW_SECONDS });
  return async function countRequest(c, tenant) {
    const perMinute = tenant.requestsMax ?? points;
    // Counts without refusing, because each tenant may have a limit of its own.
    const { consumedPoints, msBeforeNext } = await counter.penalty(tenant.key);
    const seconds = Math.ceil(msBeforeNext / 1000);
    c.header('RateLimit-Policy', `"tenant";q=${perMinute};w=${WINDOW_SECONDS}`);
    c.header('RateLimit', `"tenant";r=${Math.max(0, perMinute - consumedPoints)};t=${seconds}`);
    if (consumedPoints > perMinute) {
      throw new TryLater(
        'rate_limited',
        seconds,
        `More than ${perMinute} requests came within a minute. Wait for the seconds that Retry-After names.`,
      );
    }
  };
}

/** What a log-in is counted under. */
export interface LoginAttempt {
  readonly address: string;
  /** `null` where the credential names none. */
  readonly clientId: string | null;
}

/** Failed log-ins a minute, by address (IPv6: by its /64) and by client id. */
export interface FailedLogins {
  /**
   * Checks a secret under the limit: only a check that returns `undefined` counts. Each check in progress holds a point,
   * so a burst cannot pass the limit.
   * @throws TryLater `rate_limited` before the check, also when too many are in progress
   */
  guard<Result>(attempt: LoginAttempt, check: () => Promise<Result | undefined>): Promise<Result | undefined>;
  /** Counts what was found wrong already. @throws TryLater `rate_limited` over the limit */
  failed(attempt: LoginAttempt): Promise<undefined>;
}

export function failedLogins(limit: LoginLimit): FailedLogins {
  let inProgress = 0;

  async function withinCapacity<Result>(work: () => Promise<Result>): Promise<Result> {
    if (inProgress >= CHECKS_MAX) {
      const message = 'Too many log-ins are being checked. Try again in a moment.';
      throw new TryLater('rate_limited', CHECKS_RETRY_SECONDS, message);
    }
    inProgress += 1;
    try {
      return await work();
    } finally {
      inProgress -= 1;
    }
  }

  async function consume(subjects: readonly string[]): Promise<undefined> {
    const waitSeconds = await limit.consume(subjects);
    if (waitSeconds === 0) return;
    const message = 'Too many log-ins failed. Wait for the seconds that Retry-After names.';
    throw new TryLater('rate_limited', waitSeconds, message);
  }

  return {
    guard: (attempt, check) =>
      withinCapacity(async () => {
        const subjects = subjectsOf(attempt);
        await consume(subjects);
        let isWrong = false;
        try {
          const result = await check();
          isWrong = result === undefined;
          return result;
        } finally {
          if (!isWrong) await limit.refund(subjects);
        }
      }),
    failed: (attempt) => withinCapacity(() => consume(subjectsOf(attempt))),
  };
}

function subjectsOf({ address, clientId }: LoginAttempt): readonly string[] {
  const network = `address ${clientNetwork(address)}`;
  return clientId === null ? [network] : [network, `client ${clientId}`];
}
