import { randomUUID } from 'node:crypto';
import { WaybillError } from '../../contracts/failures.ts';
import { type Handover, handoverKey } from '../../contracts/handover.ts';
import type { StepResult } from '../../contracts/steps.ts';
import { generateKey } from '../../streams/age/keys.ts';
import { unseal } from '../../streams/age/payload.ts';
import type { ApiDeps } from '../deps.ts';

/**
 * Lets a worker read the warehouse, and takes over what it found.
 *
 * @param ask asks the worker, and waits until the object is written
 * @returns the content, JSON
 * @throws WaybillError with the worker's failure; `objects_unavailable`; what `ask` throws
 */
export async function takeOver(
  { objects, logger }: Pick<ApiDeps, 'objects' | 'logger'>,
  tenant: string,
  ask: (handover: Handover) => Promise<StepResult<null>>,
): Promise<unknown> {
  const key = handoverKey(tenant, randomUUID());
  const { identity, recipient } = await generateKey({ postQuantum: false });
  try {
    const made = await ask({ key, recipient });
    if (!made.ok) throw new WaybillError(made.failure.code, made.failure.message);
    const sealed = await objects.get(key);
    if (!sealed) throw new WaybillError('objects_unavailable');
    return JSON.parse(await opened(sealed, identity));
  } finally {
    // The reconciler removes what stays.
    await objects.remove([key]).catch((error: unknown) => logger.warn({ err: error }, 'an object was not removed'));
  }
}

async function opened(sealed: Uint8Array, identity: string): Promise<string> {
  async function* source() {
    yield sealed;
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of unseal(source(), identity)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
