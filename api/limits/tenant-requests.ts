import type { Context } from 'hono';
import type { Tenant } from '../../stores/ledger/ledger.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import { TryLater } from '../problems/problem.ts';
import { createBuckets } from './buckets.ts';

const TENANTS_MAX = 100_000;

/** Counts one request of a tenant and tells the caller what is left, or refuses. */
export type SpendRequest = (c: Context<ApiEnv>, tenant: Tenant) => void;

/**
 * Requests a minute by tenant, in this process.
 * Source of the headers: draft-ietf-httpapi-ratelimit-headers-10.
 * @throws TryLater `rate_limited`
 */
export function tenantRequests({ settings, clock }: Pick<ApiDeps, 'settings' | 'clock'>): SpendRequest {
  const buckets = createBuckets(clock, TENANTS_MAX);
  return function spendRequest(c, tenant) {
    const perMinute = tenant.requestsMax ?? settings.WAYBILL_TENANT_REQUESTS_MAX;
    const taken = buckets.take(tenant.key, perMinute);
    c.header('RateLimit-Policy', `"tenant";q=${perMinute};w=60`);
    c.header('RateLimit', `"tenant";r=${taken.remaining};t=${Math.ceil(taken.resetSeconds)}`);
    if (!taken.ok) {
      throw new TryLater(
        'rate_limited',
        taken.retryAfterSeconds,
        `More than ${perMinute} requests came within a minute. Wait for the seconds that Retry-After names.`,
      );
    }
  };
}
