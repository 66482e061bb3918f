import { createHash, type Hash } from 'node:crypto';
import { posix } from 'node:path';
import { z } from 'zod';
import {
  type DestinationConfig,
  isPieceOf,
  manifestPath,
  piecePaths,
  renderTemplate,
} from '../contracts/destination.ts';
import { WaybillError } from '../contracts/failures.ts';
import type { ManifestFile } from '../contracts/manifest.ts';
import { mediaType } from '../contracts/order.ts';
import type { Day } from '../contracts/recurrence.ts';
import type { StoredRun } from '../stores/objects/manifests.ts';
import { type Objects, readObject } from '../stores/objects/objects.ts';
import type { Remote } from '../stores/remotes/remote.ts';
import { csvPieces } from '../streams/csv-pieces.ts';

/** Ends the name of a file with a line for `sha256sum -c`, as the gateway has it. */
const CHECKSUM = '.sha256';

/** How far a delivery is; the details of its heartbeats. */
export interface PushProgress {
  /** Of the destination that has the files; 0: none yet. */
  version: number;
  /** Files, in the order of the manifest, that the destination has completely. */
  filesDone: number;
  /** Bytes of the file that is being written, as far as the destination has acknowledged them. */
  bytes: number;
}

const progressDetails = z.object({ version: z.int(), filesDone: z.int(), bytes: z.int() });

/** @returns how far an earlier attempt has come */
export function readProgress(heartbeatDetails: unknown): PushProgress {
  return progressDetails.safeParse(heartbeatDetails).data ?? { version: 0, filesDone: 0, bytes: 0 };
}

export interface PushedFiles {
  readonly objects: Pick<Objects, 'read'>;
  readonly stored: StoredRun;
  readonly remote: Remote;
  readonly config: DestinationConfig;
  readonly day: Day;
  readonly progress: PushProgress;
  readonly signal: AbortSignal;
  /** Called when a file's content is written, before it gets its name. @throws Error if it must not */
  readonly assertWanted: () => Promise<void>;
}

/** One file of the manifest, as it is laid out at the destination. */
interface LaidOut {
  readonly file: ManifestFile;
  /** Of its name, without the extension. */
  readonly path: string;
  readonly extension: string;
  /** One path for each piece. */
  readonly pieces: readonly string[];
}

/**
 * Writes the files of a run that are not there yet, then the manifest. The manifest of an earlier run of the day is removed first,
 * so while there is one, the files are those that it lists.
 *
 * @throws WaybillError `gone`, `object_damaged`, errors of the object store and of {@link Remote}
 */
export async function pushFiles(push: PushedFiles): Promise<void> {
  const { stored, remote, config, day, progress, signal, assertWanted } = push;
  const manifest = manifestPath(config.template, day);
  const files = stored.manifest.files.map((file) => layOut(file, stored.manifest.recipients, config, day));
  const wanted = new Set(files.flatMap(({ pieces }) => pieces));
  await remote.remove(manifest);
  for (const laidOut of files.slice(progress.filesDone)) {
    await pushFile(push, laidOut);
    await removeOldPieces(remote, laidOut, wanted);
    progress.filesDone += 1;
  }
  await remote.write(manifest, confirmed([stored.bytes], assertWanted), { contentType: 'application/json', signal });
}

/** Removes pieces that the file had when it was delivered before, and has no longer. */
async function removeOldPieces(remote: Remote, { path, extension }: LaidOut, wanted: ReadonlySet<string>) {
  for (const found of await remote.list(path)) {
    const piece = found.endsWith(CHECKSUM) ? found.slice(0, -CHECKSUM.length) : found;
    if (isPieceOf(path, extension, piece) && !wanted.has(piece)) await remote.remove(found);
  }
}

/** Deleted rows are with their entity. Only plain CSV can be split. */
function layOut(file: ManifestFile, recipients: readonly string[], config: DestinationConfig, day: Day): LaidOut {
  const [entity = file.name] = file.name.split('.', 1);
  const path = `${renderTemplate(config.template, day, entity)}/${file.name}`;
  const extension = file.file.slice(file.name.length);
  const isPlain = file.format === 'csv' && file.compression === 'none' && recipients.length === 0;
  const rowsPerFile = isPlain && file.csv?.header ? config.rowsPerFile : null;
  return { file, path, extension, pieces: piecePaths(path, extension, file.rows, rowsPerFile) };
}

async function pushFile(push: PushedFiles, { file, pieces }: LaidOut): Promise<void> {
  const { stored, remote, progress, signal, assertWanted, config } = push;
  const contentType = mediaType({ ...file, recipients: stored.manifest.recipients });
  const content = contentOf(push, file);
  const onProgress = (count: number) => {
    progress.bytes = count;
  };
  async function write(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const hash = createHash('sha256');
    await remote.write(path, confirmed(hashed(bytes, hash), assertWanted), { contentType, signal, onProgress });
    const line = Buffer.from(`${hash.digest('hex')}  ${posix.basename(path)}\n`);
    await remote.write(`${path}${CHECKSUM}`, confirmed([line], assertWanted), { contentType: 'text/plain', signal });
  }
  const [first, ...others] = pieces;
  if (first === undefined) return;
  if (others.length === 0 || config.rowsPerFile === null) {
    await write(first, content);
    return;
  }
  let place = 0;
  for await (const piece of csvPieces(content, config.rowsPerFile)) {
    const path = pieces[place];
    if (path === undefined) throw new WaybillError('object_damaged');
    await write(path, piece);
    place += 1;
  }
  if (place < pieces.length) throw new WaybillError('object_damaged');
}

/** Calls a function when a stream has ended, before whoever reads it is told so. */
async function* confirmed(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  confirm: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  yield* source;
  await confirm();
}

async function* hashed(source: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
}

/** Streams a file, part by part. A part that is not what the manifest says makes it fail before it ends. */
async function* contentOf({ objects, stored, signal }: PushedFiles, file: ManifestFile): AsyncGenerator<Uint8Array> {
  for (const { name, bytes, sha256 } of file.parts) {
    const hash = createHash('sha256');
    const slice = { key: stored.prefix + name, offset: 0, length: bytes };
    yield* hashed(readObject(objects, slice, signal), hash);
    if (hash.digest('hex') !== sha256) throw new WaybillError('object_damaged');
  }
}
