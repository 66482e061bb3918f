import { createHash, type Hash } from 'node:crypto';
import { activityInfo } from '@temporalio/activity';
import { WaybillError } from '../contracts/failures.ts';
import { exportPrefix, partKey } from '../contracts/keys.ts';
import type { ManifestPart } from '../contracts/manifest.ts';
import { fileExtension, mediaType } from '../contracts/order.ts';
import type { PartHeartbeat } from '../contracts/progress.ts';
import type { Settled } from '../contracts/settled.ts';
import type { WritePartInput } from '../contracts/steps.ts';
import { compress } from '../stores/compression/compress.ts';
import { seal } from '../stores/sealing/seal.ts';
import { attemptName } from './attempt.ts';
import { orderedDataset } from './dataset.ts';
import type { Ports } from './index.ts';
import { createMeter } from './meter.ts';
import { runStep } from './step.ts';

/**
 * Writes one part as one object: warehouse -> compress -> seal -> object store, in bounded memory, under a key that
 * only this attempt uses. Which attempt counts is for the manifest to say.
 */
export function createWritePart(ports: Pick<Ports, 'catalog' | 'warehouse' | 'objects' | 'logger'>) {
  const { catalog, warehouse, objects, logger } = ports;

  return async function writePart(input: WritePartInput): Promise<Settled<ManifestPart>> {
    const { order, part, exportId, snapshotAt } = input;
    const info = activityInfo();
    const prefix = exportPrefix(order.tenant, exportId);
    const runId = info.workflowExecution?.runId ?? exportId;
    const keyOf = (attempt: number) => partKey(prefix, part.index, attemptName(runId, attempt), fileExtension(order));
    const key = keyOf(info.attempt);
    const meter = createMeter(part.rows);
    const contentHash = order.recipients.length === 0 ? createHash('sha256') : null;
    let uploadId: string | null = null;
    let storedBytes = 0;

    const work = async (signal: AbortSignal): Promise<ManifestPart> => {
      for (let earlier = 1; earlier < info.attempt; earlier += 1) await objects.abortUploads(keyOf(earlier));

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
        name: key.slice(prefix.length),
        rows,
        bytes: written.bytes,
        sha256: written.sha256,
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
