import { manifestKey } from '../../contracts/keys.ts';
import type { Objects } from '../../stores/objects/objects.ts';

/** A count of objects that one request removes. */
const BATCH = 1000;

/** Removes all that lies below a prefix. The manifest goes first: without it nobody reads the rest. */
export async function removeObjects(objects: Objects, prefix: string): Promise<void> {
  await objects.remove([manifestKey(prefix)]);
  await objects.abortUploads(prefix);
  let batch: string[] = [];
  for await (const { key } of objects.list(prefix)) {
    batch.push(key);
    if (batch.length < BATCH) continue;
    await objects.remove(batch);
    batch = [];
  }
  if (batch.length > 0) await objects.remove(batch);
}
