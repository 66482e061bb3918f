import type { Context } from 'hono';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Tenant } from '../../stores/ledger/ports.ts';
import { type LoginAttempt, type LoginLimit, loginSubjects } from '../../stores/limits/login-limit.ts';
import type { ApiDeps, ApiEnv, Downloads } from '../deps.ts';
import { TryLater } from '../http/problems.ts';

/** Length of a window, which starts with a tenant's first request. */
const WINDOW_SECONDS = 60;
/**
 * Maximum number of concurrent log-in checks of a process. Below the default limit of failed log-ins, so that concurrent
 * log-ins with the correct secret do not use it up; equal to the number of checks that may wait for scrypt.
 */
const CHECKS_MAX = 64;
/** Seconds until these checks are done. */
const CHECKS_RETRY_SECONDS = 2;

/** Counts a request of a tenant and reports the remaining quota in headers. @throws TryLater `rate_limited` */
export type CountRequest = (c: Context<ApiEnv>, tenant: Tenant) => Promise<void>;

/**
 * Limits the requests per minute of each tenant, in memory, to save a round trip per request.
 * Source of the headers: draft-ietf-httpapi-ratelimit-headers-10.
 */
export function requestLimit({ settings }: Pick<ApiDeps, 'settings'>): CountRequest {
  const points = settings.WAYBILL_TENANT_REQUESTS_MAX;
  const counter = new RateLimiterMemory({ points, duration: WINDOW_SECONDS });
  return async function countRequest(c, tenant) {
    const perMinute = tenant.requestsMax ?? points;
    // `penalty` counts without a limit, because each tenant may have its own.
    const { consumedPoints, msBeforeNext } = await counter.penalty(tenant.key);
    const seconds = Math.ceil(msBeforeNext / 1000);
    c.header('RateLimit-Policy', `"tenant";q=${perMinute};w=${WINDOW_SECONDS}`);
    c.header('RateLimit', `"tenant";r=${Math.max(0, perMinute - consumedPoints)};t=${seconds}`);
    if (consumedPoints > perMinute) {
      throw new TryLater(
        'rate_limited',
        seconds,
        `More than ${perMinute} requests within a minute. Wait for the number of seconds in Retry-After.`,
      );
    }
  };
}

/** Seconds after which a tenant may try again: some download has probably ended by then. */
const DOWNLOADS_RETRY_SECONDS = 30;

/** Bounds what clients that read slowly can hold of this process: memory, a connection to the store, a socket. */
export function downloadLimit({ settings }: Pick<ApiDeps, 'settings'>): Downloads {
  const most = settings.WAYBILL_TENANT_DOWNLOADS_MAX;
  const counts = new Map<string, number>();
  return {
    begin(tenant) {
      const count = counts.get(tenant) ?? 0;
      if (count >= most) {
        const message = `More than ${most} downloads at once. Wait until one of them has ended.`;
        throw new TryLater('rate_limited', DOWNLOADS_RETRY_SECONDS, message);
      }
      counts.set(tenant, count + 1);
      let isOpen = true;
      return () => {
        if (!isOpen) return;
        isOpen = false;
        const rest = (counts.get(tenant) ?? 1) - 1;
        if (rest > 0) counts.set(tenant, rest);
        else counts.delete(tenant);
      };
    },
  };
}

/** Limits the failed log-ins per minute, by address (IPv6: by /64 network) and by client id. */
export interface FailedLogins {
  /**
   * Checks a secret within the limit. Only a check that returns `undefined` counts, but each check in progress holds a
   * point, so that a burst cannot exceed the limit.
   * @throws TryLater `rate_limited` before the check, also if too many are in progress
   */
  guard<Result>(attempt: LoginAttempt, check: () => Promise<Result | undefined>): Promise<Result | undefined>;
  /** Counts a failed log-in. @throws TryLater `rate_limited` over the limit */
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
    const message = 'Too many failed log-ins. Wait for the number of seconds in Retry-After.';
    throw new TryLater('rate_limited', waitSeconds, message);
  }

  return {
    guard: (attempt, check) =>
      withinCapacity(async () => {
        const subjects = loginSubjects(attempt);
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
    failed: (attempt) => withinCapacity(() => consume(loginSubjects(attempt))),
  };
}
