import type { Logger } from 'pino';
import { WaybillError } from '../contracts/failures.ts';
import { manifestKey } from '../contracts/keys.ts';
import type { Objects } from '../stores/objects/objects.ts';

/**
 * Compares the parts of a manifest with the objects below its prefix.
 *
 * @returns keys that the manifest does not list: objects of lost attempts
 * @throws WaybillError `object_damaged` if an object is missing or has another size
 */
export async function checkStored(
  objects: Pick<Objects, 'list'>,
  prefix: string,
  listed: readonly { readonly name: string; readonly bytes: number }[],
): Promise<readonly string[]> {
  const stored = await storedBelow(objects, prefix);
  for (const { name, bytes } of listed) {
    const key = prefix + name;
    if (stored.get(key) !== bytes) throw new WaybillError('object_damaged');
    stored.delete(key);
  }
  stored.delete(manifestKey(prefix));
  return [...stored.keys()];
}

/** Removes objects of lost attempts. The run is published even if this fails, because the reconciler checks it again. */
export async function removeUnlisted(
  objects: Pick<Objects, 'remove'>,
  keys: readonly string[],
  logger: Logger,
): Promise<void> {
  try {
    await objects.remove(keys);
  } catch (error) {
    logger.warn({ err: error, objects: keys.length }, 'objects of lost attempts are left to the reconciler');
  }
}

/** @returns keys below the prefix that a manifest does not list, without its own */
export async function unlisted(
  objects: Pick<Objects, 'list'>,
  prefix: string,
  names: readonly string[],
): Promise<readonly string[]> {
  const stored = await storedBelow(objects, prefix);
  for (const name of names) stored.delete(prefix + name);
  stored.delete(manifestKey(prefix));
  return [...stored.keys()];
}

/** @returns sizes in bytes, by key */
async function storedBelow(objects: Pick<Objects, 'list'>, prefix: string): Promise<Map<string, number>> {
  const stored = new Map<string, number>();
  for await (const object of objects.list(prefix)) stored.set(object.key, object.bytes);
  return stored;
}
