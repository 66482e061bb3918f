import { createHash } from 'node:crypto';
import type { RequestOrder } from '../../contracts/order.ts';
import { REQUESTS } from '../../contracts/requests.ts';

/** @returns the series of an order: two have the same if and only if their files hold the same rows in the same way */
export function requestSeries({ keepDays: _days, roundsMax: _rounds, ...order }: RequestOrder): string {
  const { tenant, dataset, format, window } = order;
  const digest = createHash('sha256')
    .update(JSON.stringify(sorted(order)))
    .digest('hex')
    .slice(0, 16);
  return [REQUESTS, tenant, dataset, format, window.from.slice(0, 10), window.to.slice(0, 10), digest].join('|');
}

/** With the members of objects in a fixed order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}
