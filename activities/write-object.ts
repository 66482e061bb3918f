import { createHash, type Hash } from 'node:crypto';
import { activityInfo } from '@temporalio/activity';
import { type AttemptedObject, attemptKeys, attemptName } from '../contracts/attempts.ts';
import { WaybillError } from '../contracts/failures.ts';
import type { Instant } from '../contracts/instant.ts';
import { type FileOrder, mediaType } from '../contracts/order.ts';
import type { PlannedPart } from '../contracts/plan.ts';
import type { PartHeartbeat } from '../contracts/progress.ts';
import type { Objects } from '../stores/objects/objects.ts';
import type { Warehouse } from '../stores/warehouse/warehouse.ts';
import { seal } from '../streams/age/payload.ts';
import { compress } from '../streams/compress.ts';
import { createMeter } from '../streams/meter.ts';
import { orderedDataset } from './dataset.ts';
import type { Ports } from './ports.ts';

/** What is written into one object. */
export interface ObjectTask {
  readonly order: FileOrder;
  readonly part: PlannedPart;
  readonly snapshotAt: Instant;
  /** Of the export or generation; keys begin with it. */
  readonly prefix: string;
  /** How attempts at this object name it. */
  readonly object: Omit<AttemptedObject, 'attempts'>;
}

/** What came of it; sizes are counts of bytes. */
export interface ObjectWritten {
  /** Below the prefix. */
  readonly name: string;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly contentBytes: number;
  readonly contentSha256: string | null;
}

export interface WritePorts extends Pick<Ports, 'catalog'> {
  readonly warehouse: Pick<Warehouse, 'read'>;
  readonly objects: Pick<Objects, 'write' | 'abortUploadsOf'>;
}

/**
 * @param begin called with the key before anything is stored under it, and with what heartbeats should say from then on
 * @throws WaybillError `source_changed` when other rows are read than were planned; what the warehouse and the object
 *   store throw. The object may be there all the same: it is the caller's to remove.
 */
export type WriteObject = (
  task: ObjectTask,
  signal: AbortSignal,
  begin: (key: string, heartbeat: () => PartHeartbeat) => void,
) => Promise<ObjectWritten>;

/**
 * Writes one object: warehouse -> compress -> seal -> object store, in bounded memory, under a key that only this attempt
 * uses. Which attempt counts is for the manifest to say.
 */
export function createWriteObject(ports: WritePorts): WriteObject {
  const { catalog, warehouse, objects } = ports;
  return async function writeObject({ order, part, snapshotAt, prefix, object }, signal, begin) {
    const { attempt } = activityInfo();
    const name = attemptName(object, attempt);
    const key = prefix + name;
    // Only a format that is made of lines shows how many rows went by.
    const meter = createMeter(order.format === 'parquet' ? 0 : part.rows);
    const contentHash = order.recipients.length === 0 ? createHash('sha256') : null;
    let uploadId: string | null = null;
    let storedBytes = 0;

    begin(key, () => ({
      index: part.index,
      rows: meter.rows,
      contentBytes: meter.bytes,
      storedBytes,
      key,
      uploadId,
    }));
    await objects.abortUploadsOf(attemptKeys(prefix, [{ ...object, attempts: attempt - 1 }]));
    const dataset = orderedDataset(catalog, order.dataset);
    const content = warehouse.read(dataset, order, { slice: part.slice, first: part.index === 0, snapshotAt }, signal);
    // Rejects together with `chunks`, which is where the failure is handled.
    content.sum.catch(() => undefined);
    let bytes: AsyncIterable<Uint8Array> = meter.measure(content.chunks);
    if (contentHash) bytes = hashing(bytes, contentHash);
    if (order.compression !== 'none') bytes = compress(bytes, order.compression);
    if (order.recipients.length > 0) bytes = seal(bytes, order.recipients);
    const written = await objects.write(key, bytes, {
      contentType: mediaType(order),
      signal,
      onUpload: (id) => {
        uploadId = id;
      },
      onProgress: (count) => {
        storedBytes = count;
      },
    });
    const { rows, rowsHash } = await content.sum;
    if (rows !== part.rows || rowsHash !== part.rowsHash) {
      const how =
        rows === part.rows
          ? `as many rows were read as were counted, ${rows}, but not the same ones`
          : `${part.rows} rows were counted, ${rows} were read`;
      throw new WaybillError(
        'source_changed',
        `${order.dataset} changed while it was being exported: ${how}. Resubmit the export; it will read a new snapshot.`,
      );
    }
    return {
      name,
      rows,
      ...written,
      contentBytes: meter.bytes,
      contentSha256: contentHash ? contentHash.digest('hex') : null,
    };
  };
}

async function* hashing(source: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
}
