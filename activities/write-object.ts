import { createHash, type Hash } from 'node:crypto';
import { activityInfo } from '@temporalio/activity';
import { WaybillError } from '../contracts/failures.ts';
import type { Instant } from '../contracts/instant.ts';
import { type FileOrder, mediaType } from '../contracts/order.ts';
import type { PlannedPart } from '../contracts/plan.ts';
import type { PartHeartbeat } from '../contracts/progress.ts';
import type { Settled } from '../contracts/settled.ts';
import { compress } from '../stores/compression/compress.ts';
import { seal } from '../stores/sealing/seal.ts';
import { orderedDataset } from './dataset.ts';
import type { Ports } from './index.ts';
import { createMeter } from './meter.ts';
import { runStep } from './step.ts';

/** What is written into one object. */
export interface ObjectTask {
  readonly order: FileOrder;
  readonly part: PlannedPart;
  readonly snapshotAt: Instant;
  /** @returns the key that this attempt alone uses; counts from 1 */
  readonly keyOf: (attempt: number) => string;
}

/** What came of it; sizes are counts of bytes. */
export interface ObjectWritten {
  readonly key: string;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly contentBytes: number;
  readonly contentSha256: string | null;
}

export type WriteObject = (task: ObjectTask) => Promise<Settled<ObjectWritten>>;

/**
 * Writes one object: warehouse -> compress -> seal -> object store, in bounded memory, under a key that only this attempt
 * uses. Which attempt counts is for the manifest to say. Runs within an activity, with its heartbeats.
 */
export function createWriteObject(ports: Pick<Ports, 'catalog' | 'warehouse' | 'objects' | 'logger'>): WriteObject {
  const { catalog, warehouse, objects, logger } = ports;
  return async function writeObject({ order, part, snapshotAt, keyOf }) {
    const { attempt } = activityInfo();
    const key = keyOf(attempt);
    const meter = createMeter(part.rows);
    const contentHash = order.recipients.length === 0 ? createHash('sha256') : null;
    let uploadId: string | null = null;
    let storedBytes = 0;

    const work = async (signal: AbortSignal): Promise<ObjectWritten> => {
      for (let earlier = 1; earlier < attempt; earlier += 1) await objects.abortUploads(keyOf(earlier));
      const dataset = orderedDataset(catalog, order.dataset);
      const content = warehouse.read(
        dataset,
        order,
        { slice: part.slice, first: part.index === 0, snapshotAt },
        signal,
      );
      // Rejects together with `chunks`, which is where the failure is handled.
      content.rows.catch(() => undefined);
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
      const rows = await content.rows;
      if (rows !== part.rows) {
        await objects.remove([key]);
        throw new WaybillError(
          'source_changed',
          `${order.dataset} changed while it was being exported: ${part.rows} rows were counted, ${rows} were read. ` +
            'Resubmit the export; it will read a new snapshot.',
        );
      }
      return {
        key,
        rows,
        ...written,
        contentBytes: meter.bytes,
        contentSha256: contentHash ? contentHash.digest('hex') : null,
      };
    };

    const heartbeat = (): PartHeartbeat => ({
      index: part.index,
      rows: meter.rows,
      contentBytes: meter.bytes,
      storedBytes,
      key,
      uploadId,
    });
    return runStep(logger, work, heartbeat);
  };
}

async function* hashing(source: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
}
