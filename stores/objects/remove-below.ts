import { manifestKey } from '../../contracts/keys.ts';
import type { Objects } from './objects.ts';

/** A count of objects that one request removes. */
const BATCH = 1000;

/**
 * Removes all that lies below a prefix: the manifest first, so that no reader sees half of it, then objects and uploads.
 *
 * @returns a count of objects, without the manifest
 */
export async function removeBelow(
  objects: Pick<Objects, 'list' | 'remove' | 'abortUploads'>,
  prefix: string,
): Promise<number> {
  await objects.remove([manifestKey(prefix)]);
  await objects.abortUploads(prefix);
  let removed = 0;
  let batch: string[] = [];
  const flush = async () => {
    await objects.remove(batch);
    removed += batch.length;
    batch = [];
  };
  for await (const { key } of objects.list(prefix)) {
    batch.push(key);
    if (batch.length === BATCH) await flush();
  }
  if (batch.length > 0) await flush();
  return removed;
}
