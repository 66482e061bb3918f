import { WaybillError } from '../contracts/failures.ts';
import { manifestKey } from '../contracts/keys.ts';
import type { Objects } from '../stores/objects/objects.ts';

/**
 * Compares what a manifest lists with what is stored below its prefix.
 *
 * @returns keys that nobody lists: what attempts that lost have left
 * @throws WaybillError `object_damaged` when an object is missing or has another size
 */
export async function checkStored(
  objects: Pick<Objects, 'list'>,
  prefix: string,
  listed: readonly { readonly name: string; readonly bytes: number }[],
): Promise<readonly string[]> {
  const stored = new Map<string, number>();
  for await (const object of objects.list(prefix)) stored.set(object.key, object.bytes);
  for (const { name, bytes } of listed) {
    const key = prefix + name;
    if (stored.get(key) !== bytes) throw new WaybillError('object_damaged');
    stored.delete(key);
  }
  stored.delete(manifestKey(prefix));
  return [...stored.keys()];
}
