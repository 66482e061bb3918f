import { randomUUID } from 'node:crypto';
import { WaybillError } from '../../../contracts/failures.ts';
import type { Order } from '../../../contracts/order.ts';
import { Preview, previewKey } from '../../../contracts/preview.ts';
import { generateKey } from '../../../streams/age/keys.ts';
import { unseal } from '../../../streams/age/payload.ts';
import { TryLater } from '../../http/problems.ts';
import type { PortalDeps } from '../tab.ts';

/** Previews of a tenant at once, per instance of the API: each is a query of the warehouse. */
const AT_ONCE_MAX = 2;
const RETRY_SECONDS = 5;

/** Reads the first rows of an order and their number, without starting an export. */
export type ReadPreview = (order: Order, signal: AbortSignal) => Promise<Preview>;

/**
 * The worker reads the warehouse, and hands the rows over as an object that is sealed to a key of this request alone. So no row
 * is in Temporal, and none can be read in the bucket, not even what a killed process leaves there.
 */
export function createReadPreview({
  temporal,
  objects,
  logger,
}: Pick<PortalDeps, 'temporal' | 'objects' | 'logger'>): ReadPreview {
  const running = new Map<string, number>();

  async function make({ tenant, ...order }: Order, signal: AbortSignal): Promise<Preview> {
    const key = previewKey(tenant, randomUUID());
    const { identity, recipient } = await generateKey({ postQuantum: false });
    const { recipients: _recipients, keepDays: _keepDays, ...content } = order;
    try {
      const made = await temporal.preview({ tenant, content, key, recipient }, signal);
      if (!made.ok) throw new WaybillError(made.failure.code, made.failure.message);
      const sealed = await objects.get(key);
      if (!sealed) throw new WaybillError('objects_unavailable');
      return Preview.parse(JSON.parse(await opened(sealed, identity)));
    } finally {
      // The reconciler removes what stays.
      await objects.remove([key]).catch((error: unknown) => logger.warn({ err: error }, 'a preview was not removed'));
    }
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

async function opened(sealed: Uint8Array, identity: string): Promise<string> {
  async function* source() {
    yield sealed;
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of unseal(source(), identity)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
