import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Dataset } from '../config/dataset.ts';
import { WaybillError } from '../contracts/failures.ts';
import type { Instant } from '../contracts/instant.ts';
import type { ManifestMember } from '../contracts/manifest.ts';
import { type FileOrder, formatExtension, isStatisticsFormat } from '../contracts/order.ts';
import type { PlannedPart, RowSum } from '../contracts/plan.ts';
import type { Objects } from '../stores/objects/objects.ts';
import type { PartContent, Warehouse } from '../stores/warehouse/warehouse.ts';
import { ahead } from '../streams/ahead.ts';
import { createMeter } from '../streams/meter.ts';
import type { ZipEntry } from '../streams/zip.ts';
import { entryName } from './entry-name.ts';
import { linesOf } from './questionnaire-rows.ts';
import { assertSameRows } from './row-sum-check.ts';
import { statisticsContent } from './statistics-file.ts';

/** A table on its way into an archive. */
export interface ArchivedTable {
  /** Name of the entry, without extension. */
  readonly name: string;
  readonly dataset: Dataset;
  readonly order: FileOrder;
  readonly part: PlannedPart;
}

export interface EntryPorts {
  readonly warehouse: Pick<Warehouse, 'read' | 'vectors' | 'memory'>;
  /** For temporary files. */
  readonly directory: string;
  /** What questionnaires refer to; `null`: the deployment has none. */
  readonly attachments: Pick<Objects, 'head' | 'read'> | null;
  readonly signal: AbortSignal;
}

/** What has become of an archive so far. */
export interface ArchiveState {
  /** Of the tables that are done. */
  rows: number;
  /** Of the table that is being written; an estimate. */
  rowsHere: () => number;
  readonly members: ManifestMember[];
  /** For the readme, a sentence each. */
  readonly notes: string[];
}

/** Average bytes of a value above which a table may need zip64. A table is written once more with it if this was too few. */
const VALUE_BYTES = 4096;
/** Of a file without rows: descriptions of columns. */
const EMPTY_BYTES = 64 * 1024 * 1024;

/**
 * One table as an entry, whose rows are summed.
 *
 * @param options.zip64 whether the entry may be larger than 4 GB, whatever was estimated
 * @param options.hashed whether the manifest has the hash of the content
 * @throws WaybillError `source_changed` if other rows are read than were planned; errors of the warehouse
 */
export function tableEntry(
  { warehouse, directory, signal }: EntryPorts,
  { name, dataset, order, part }: ArchivedTable,
  state: ArchiveState,
  { snapshotAt, zip64, hashed }: { readonly snapshotAt: Instant; readonly zip64: boolean; readonly hashed: boolean },
): ZipEntry {
  const file = `${name}.${formatExtension(order.format)}`;
  const bytesMax = zip64 ? Number.MAX_SAFE_INTEGER : EMPTY_BYTES + part.rows * dataset.columns.length * VALUE_BYTES;
  async function* open() {
    const cut = { slice: part.slice, wideBytes: part.wideBytes, first: true, snapshotAt };
    const { format } = order;
    const statistics = isStatisticsFormat(format)
      ? statisticsContent(warehouse, dataset, { ...order, format }, cut, { directory, signal })
      : undefined;
    const content = statistics ?? warehouse.read(dataset, order, cut, signal);
    // Rejects together with the chunks, where the failure is handled.
    content.sum.catch(() => undefined);
    const meter = createMeter(statistics ? 0 : part.rows);
    const hash = hashed ? createHash('sha256') : null;
    state.rowsHere = () => statistics?.rows() ?? meter.rows;
    for await (const chunk of meter.measure(content.chunks)) {
      hash?.update(chunk);
      if (meter.bytes > bytesMax) throw new RangeError('a table is larger than was estimated');
      yield chunk;
    }
    await assertSum(content, part, name);
    state.notes.push(...(statistics?.notes() ?? []).map((note) => `${file}: ${note}`));
    state.rows += part.rows;
    state.rowsHere = () => 0;
    state.members.push({ name: file, rows: part.rows, bytes: meter.bytes, sha256: hash?.digest('hex') ?? null });
  }
  return { name: file, modifiedAt: new Date(snapshotAt), bytesMax, open };
}

/** @throws WaybillError `source_changed` */
async function assertSum({ sum }: PartContent, planned: RowSum, name: string): Promise<void> {
  assertSameRows(name, planned, await sum, 'Start the export again.');
}

const attachmentRow = z.object({
  interview__key: z.string().min(1),
  folder: z.string().nullable(),
  file_name: z.string().min(1),
  object_key: z.string().min(1),
});

/** @throws WaybillError `dataset_broken` */
function readAttachment(line: string): z.infer<typeof attachmentRow> {
  const parsed = attachmentRow.safeParse(JSON.parse(line));
  if (parsed.success) return parsed.data;
  throw new WaybillError('dataset_broken', 'The warehouse lists an attachment without its key, name or object.');
}

/** Attachments that are asked for before it is their turn. */
const LOOKED_UP_AT_ONCE = 8;

/** Lists the attachments that are not in the object store. */
const MISSING_FILE = 'export__missing.txt';

/**
 * The files of interviews, in folders of their own, read from the object store one after the other. What is listed and not there
 * is named in a file of the archive.
 *
 * @throws WaybillError `source_changed` if others are listed than were planned; errors of warehouse and object store
 */
export async function* attachmentEntries(
  { warehouse, attachments, signal }: EntryPorts,
  { name, dataset, order, part }: ArchivedTable,
  state: ArchiveState,
  { snapshotAt }: { readonly snapshotAt: Instant },
): AsyncGenerator<ZipEntry> {
  const content = warehouse.read(dataset, order, { slice: part.slice, first: true, snapshotAt }, signal);
  content.sum.catch(() => undefined);
  const unique = uniqueNames();
  const missing: string[] = [];
  async function lookUp(line: string) {
    const { interview__key, folder, file_name, object_key } = readAttachment(line);
    const path = unique(entryName([interview__key, ...(folder?.split('/') ?? []), file_name]));
    return { path, found: await attachments?.head(object_key) };
  }
  for await (const { path, found } of ahead(linesOf(content.chunks), LOOKED_UP_AT_ONCE, lookUp)) {
    state.rows += 1;
    if (!attachments || !found) missing.push(path);
    else {
      const { key, bytes, modifiedAt } = found;
      yield { name: path, modifiedAt, bytesMax: bytes, open: () => attachments.read(key, undefined, signal) };
    }
  }
  await assertSum(content, part, name);
  if (missing.length > 0) {
    const text = Buffer.from(`${missing.join('\r\n')}\r\n`, 'utf8');
    yield documentEntry({ name: MISSING_FILE, text }, state, { snapshotAt, hashed: false });
  }
}

/** A file that Waybill writes itself. */
export function documentEntry(
  { name, text }: { readonly name: string; readonly text: Uint8Array },
  state: ArchiveState,
  { snapshotAt, hashed }: { readonly snapshotAt: Instant; readonly hashed: boolean },
): ZipEntry {
  async function* open() {
    yield text;
    const sha256 = hashed ? createHash('sha256').update(text).digest('hex') : null;
    state.members.push({ name, rows: null, bytes: text.byteLength, sha256 });
  }
  return { name, modifiedAt: new Date(snapshotAt), bytesMax: text.byteLength, open };
}

/** Names that are the same without regard to case get a number: `photo.jpg`, `photo-2.jpg`. */
function uniqueNames(): (path: string) => string {
  const taken = new Set<string>();
  return function unique(path) {
    const dot = path.lastIndexOf('.') > path.lastIndexOf('/') + 1 ? path.lastIndexOf('.') : path.length;
    let name = path;
    for (let count = 2; taken.has(name.toLowerCase()); count += 1) {
      name = `${path.slice(0, dot)}-${count}${path.slice(dot)}`;
    }
    taken.add(name.toLowerCase());
    return name;
  };
}
