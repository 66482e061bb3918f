import { createHash, type Hash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { activityInfo } from '@temporalio/activity';
import type { Dataset } from '../config/dataset.ts';
import { type AttemptedObject, attemptKeys, attemptName } from '../contracts/attempts.ts';
import { WaybillError } from '../contracts/failures.ts';
import type { Instant } from '../contracts/instant.ts';
import { kindPrefix } from '../contracts/keys.ts';
import type { ManifestFile, ManifestPart } from '../contracts/manifest.ts';
import { type FileOrder, isStatisticsFormat, isUncounted, mediaType } from '../contracts/order.ts';
import type { PlannedPart } from '../contracts/plan.ts';
import type { PartHeartbeat } from '../contracts/progress.ts';
import type { Runs } from '../stores/ledger/ports.ts';
import { openManifest } from '../stores/objects/manifests.ts';
import { type Objects, readObject } from '../stores/objects/objects.ts';
import type { Warehouse } from '../stores/warehouse/warehouse.ts';
import { seal } from '../streams/age/payload.ts';
import { compress } from '../streams/compress.ts';
import { createMeter } from '../streams/meter.ts';
import { xlsx } from '../streams/xlsx.ts';
import type { Ports } from './ports.ts';
import { orderedDataset } from './resolve.ts';
import { assertSameRows } from './row-sum-check.ts';
import { type StatisticsContent, statisticsContent } from './statistics-file.ts';
import { workbook } from './workbook.ts';

/** What is written into one object. */
export interface ObjectTask {
  readonly order: FileOrder;
  readonly part: PlannedPart;
  readonly snapshotAt: Instant;
  /** Of the run; keys begin with it. */
  readonly prefix: string;
  /** How attempts at this object name it. */
  readonly object: Omit<AttemptedObject, 'attempts'>;
}

export interface WritePorts extends Pick<Ports, 'catalog' | 'tempDirectory'> {
  readonly warehouse: Pick<Warehouse, 'read' | 'vectors'>;
  readonly ledger: { readonly runs: Pick<Runs, 'find'> };
  readonly objects: Pick<Objects, 'write' | 'abortUploadsOf' | 'get' | 'read'>;
}

/**
 * @param begin called before anything is stored, with the key and the details of heartbeats from then on
 * @throws WaybillError `source_changed` if other rows are read than were planned; errors of the warehouse and of the object
 *   store. The object may be stored all the same; the caller removes it.
 */
export type WriteObject = (
  task: ObjectTask,
  signal: AbortSignal,
  begin: (key: string, heartbeat: () => PartHeartbeat) => void,
) => Promise<ManifestPart>;

/**
 * Writes one object: warehouse -> compress -> seal -> object store, in bounded memory, under a key that only this attempt
 * uses. The manifest determines which attempt counts.
 */
export function createWriteObject(ports: WritePorts): WriteObject {
  const { catalog, warehouse, objects, tempDirectory } = ports;
  return async function writeObject({ order, part, snapshotAt, prefix, object }, signal, begin) {
    const { attempt } = activityInfo();
    const { format } = order;
    const name = attemptName(object, attempt);
    const key = prefix + name;
    // Rows can only be counted in formats that consist of lines, as those of a sheet do before they are packed.
    const meter = createMeter(format === 'parquet' || isStatisticsFormat(format) ? 0 : part.rows);
    const packed = createMeter(0);
    const contentBytes = () => (format === 'xlsx' ? packed : meter).bytes;
    const isSealed = order.recipients.length > 0;
    // What is stored as it is has the hash of what is stored.
    const contentHash = isSealed || order.compression === 'none' ? null : createHash('sha256');
    let uploadId: string | null = null;
    let storedBytes = 0;
    let statistics: StatisticsContent | undefined;

    begin(key, () => ({
      index: part.index,
      rows: statistics?.rows() ?? meter.rows,
      contentBytes: contentBytes(),
      storedBytes,
      key,
      uploadId,
    }));
    await objects.abortUploadsOf(attemptKeys(prefix, [{ ...object, attempts: attempt - 1 }]));
    const dataset = orderedDataset(catalog, order.dataset);
    const before = order.base === undefined ? {} : { before: await openKeys(ports, prefix, order, signal) };
    const first = part.index === 0 || order.rowsPerFile !== undefined;
    const cut = { slice: part.slice, wideBytes: part.wideBytes, first, snapshotAt, ...before };
    if (isStatisticsFormat(format)) {
      const place = { directory: tempDirectory ?? tmpdir(), signal };
      statistics = statisticsContent(warehouse, dataset, { ...order, format }, cut, place);
    }
    const content = statistics ?? warehouse.read(dataset, order, cut, signal);
    // Rejects together with `chunks`, where the failure is handled.
    content.sum.catch(() => undefined);
    let bytes: AsyncIterable<Uint8Array> = meter.measure(content.chunks);
    if (format === 'xlsx') bytes = packed.measure(xlsx(workbook(dataset, order, snapshotAt, bytes), signal));
    if (contentHash) bytes = hashing(bytes, contentHash);
    if (order.compression !== 'none') bytes = compress(bytes, order.compression);
    if (isSealed) bytes = seal(bytes, order.recipients);
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
    const sum = await content.sum;
    const advice = 'Resubmit the export; it will read a new snapshot.';
    if (!isUncounted(order)) assertSameRows(order.dataset, part, sum, advice);
    return {
      name,
      rows: sum.rows,
      ...written,
      contentBytes: contentBytes(),
      contentSha256: isSealed ? null : (contentHash?.digest('hex') ?? written.sha256),
    };
  };
}

/** @returns the keys that a dataset had in the run that an order continues. @throws WaybillError `gone` */
async function openKeys(
  { catalog, ledger, objects }: Pick<WritePorts, 'catalog' | 'ledger' | 'objects'>,
  prefix: string,
  { dataset, base = '' }: FileOrder,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const missing = new WaybillError(
    'gone',
    `The keys of ${dataset} in the run before are no longer there, so that deletions cannot be found. Request a full load.`,
  );
  const run = await ledger.runs.find(base);
  // Both runs are of the same tenant.
  if (!run || !prefix.startsWith(kindPrefix(run.kind, run.tenant))) throw missing;
  const { manifest, prefix: from } = await openManifest(objects, run);
  const file = manifest.files.find((candidate) => candidate.dataset === dataset && candidate.rowsWanted === 'keys');
  const [part] = file?.parts ?? [];
  if (!file || !part) throw missing;
  assertSameHashing(orderedDataset(catalog, dataset), file);
  return readObject(objects, { key: `${from}${part.name}`, offset: 0, length: part.bytes }, signal);
}

/** Keys in clear must not come out as deleted when the catalog has begun to anonymize them. @throws WaybillError `gone` */
function assertSameHashing({ name, columns }: Dataset, before: ManifestFile): void {
  const wasHashed = new Map(before.columns.map((column) => [column.name, column.anonymized === true]));
  for (const column of columns) {
    const was = wasHashed.get(column.name);
    if (was === undefined || was === (column.anonymizedFrom !== undefined)) continue;
    throw new WaybillError(
      'gone',
      `The keys of ${name} in the run before are anonymized otherwise than now, so that deletions cannot be found. Request a full load.`,
    );
  }
}

async function* hashing(source: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
}
