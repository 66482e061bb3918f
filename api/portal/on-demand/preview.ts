import type { Handover } from '../../../contracts/handover.ts';
import type { Order } from '../../../contracts/order.ts';
import { Preview } from '../../../contracts/preview.ts';
import { TryLater } from '../../http/problems.ts';
import { takeOver } from '../../runs/handover.ts';
import type { PortalDeps } from '../tab.ts';

/** Previews of a tenant at once, per instance of the API: each is a query of the warehouse. */
const AT_ONCE_MAX = 2;
const RETRY_SECONDS = 5;

/** Reads the first rows of an order and their number, without starting an export. */
export type ReadPreview = (order: Order, signal: AbortSignal) => Promise<Preview>;

/** The worker reads the warehouse, and hands the rows over. */
export function createReadPreview({
  temporal,
  objects,
  logger,
}: Pick<PortalDeps, 'temporal' | 'objects' | 'logger'>): ReadPreview {
  const running = new Map<string, number>();

  async function make({ tenant, ...order }: Order, signal: AbortSignal): Promise<Preview> {
    const { recipients: _recipients, keepDays: _keepDays, ...content } = order;
    const ask = (handover: Handover) => temporal.preview({ tenant, content, ...handover }, signal);
    return Preview.parse(await takeOver({ objects, logger }, tenant, ask));
  }

  return async function readPreview(order, signal) {
    const count = running.get(order.tenant) ?? 0;
    if (count >= AT_ONCE_MAX) {
      throw new TryLater('rate_limited', RETRY_SECONDS, 'Other previews are being made. Try again in a moment.');
    }
    running.set(order.tenant, count + 1);
    try {
      return await make(order, signal);
    } finally {
      const left = (running.get(order.tenant) ?? 1) - 1;
      if (left > 0) running.set(order.tenant, left);
      else running.delete(order.tenant);
    }
  };
}
