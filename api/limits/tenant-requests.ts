import type { Context } from 'hono';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Tenant } from '../../stores/ledger/ledger.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import { TryLater } from '../problems/problem.ts';

/** Seconds of a window; it begins with a tenant's first request. */
const WINDOW_SECONDS = 60;

/** Counts one request of a tenant and tells the caller what is left. @throws TryLater `rate_limited` */
export type SpendRequest = (c: Context<ApiEnv>, tenant: Tenant) => Promise<void>;

/**
 * Requests a minute by tenant, in this process: a request pays no round trip for it.
 * Source of the headers: draft-ietf-httpapi-ratelimit-headers-10.
 */
export function tenantRequests({ settings }: Pick<ApiDeps, 'settings'>): SpendRequest {
  const points = settings.WAYBILL_TENANT_REQUESTS_MAX;
  const counter = new RateLimiterMemory({ points, duration: WINDOW_SECONDS });
  return async function spendRequest(c, tenant) {
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
