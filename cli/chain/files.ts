import { createHash } from 'node:crypto';
import { createReadStream, type Dirent, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Manifest, ManifestFile } from '../../contracts/manifest.ts';
import { createRowCounter } from '../files/count.ts';
import { envelopePath, MANIFEST_FILE } from '../files/locate.ts';
import type { DeliveredDay, Problem } from './days.ts';
import { entriesOf } from './tree.ts';

const CHUNK_BYTES = 1 << 20;
/** Follows the name of a file whose hash it holds. */
const HASH_SUFFIX = '.sha256';

/** Path of a file below its day. Names in a manifest have no slashes. */
export function filePath({ dataset, file }: ManifestFile): string {
  return `${dataset}/${file}`;
}

/**
 * Checks what a day holds: each file of its manifest, and nothing else. Each file is read once.
 *
 * @param onProgress receives the count of bytes read
 */
export async function checkDayFiles(
  day: DeliveredDay,
  onProgress: (bytes: number) => void,
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  const problem = (path: string, entity: string | null, text: string) =>
    problems.push({ path: `${day.name}/${path}`, day: day.day, entity, text });
  const there = filesIn(day.path);
  const hidden = new Set([MANIFEST_FILE, envelopePath(MANIFEST_FILE)]);
  const hashes = new Map([[MANIFEST_FILE, day.sha256]]);
  for (const file of day.manifest.files) {
    const path = filePath(file);
    if (!ENTITY.test(file.dataset)) {
      problem(MANIFEST_FILE, null, `The manifest has a dataset that is not a name: ${file.dataset}.`);
      continue;
    }
    hidden.add(path);
    if (file.sha256 !== undefined) hashes.set(path, file.sha256);
    const entry = there.get(path);
    if (!entry) problem(path, file.dataset, `${file.file} is missing.`);
    else if (!entry.isFile()) problem(path, file.dataset, `${file.file} is not a regular file.`);
    else {
      const found = await checkFile(join(day.path, path), day.manifest, file, onProgress);
      for (const text of found) problem(path, file.dataset, `${file.file} ${text}.`);
    }
  }
  for (const [path, entry] of there) {
    if (hidden.has(path)) continue;
    const hash = path.endsWith(HASH_SUFFIX) ? hashes.get(path.slice(0, -HASH_SUFFIX.length)) : undefined;
    if (hash === undefined || !entry.isFile()) problem(path, null, `${path} is not in the manifest.`);
    else if (!readFileSync(join(day.path, path), 'utf8').startsWith(hash)) {
      problem(path, entityOf(path), `${path} holds another hash than the manifest.`);
    }
  }
  return problems;
}

/** A dataset's name in a catalog. A manifest of somebody else might have one that leads out of the directory. */
export const ENTITY = /^[A-Za-z][A-Za-z0-9_]*$/;

function entityOf(path: string): string | null {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : null;
}

/** @returns everything in a day and in the directories of its entities but those themselves, by path */
function filesIn(directory: string): ReadonlyMap<string, Dirent> {
  return new Map(
    entriesOf(directory).flatMap((entry) => {
      if (!entry.isDirectory()) return [[entry.name, entry] as const];
      const files = entriesOf(join(directory, entry.name));
      return files.map((file) => [`${entry.name}/${file.name}`, file] as const);
    }),
  );
}

/** @returns what is wrong, each the rest of a sentence about the file */
async function checkFile(
  path: string,
  manifest: Manifest,
  file: ManifestFile,
  onProgress: (bytes: number) => void,
): Promise<readonly string[]> {
  if (file.sha256 === undefined) return ['has no SHA-256 in the manifest'];
  // Not more is read of a file that is too long.
  const { bytes, sha256, rows } = await measureFile(path, manifest, file, { bytesMax: file.bytes, onProgress });
  if (bytes > file.bytes) return [`has more than ${file.bytes} bytes`];
  if (bytes < file.bytes) return [`has ${bytes} bytes instead of ${file.bytes}`];
  if (sha256 !== file.sha256) return ['has another SHA-256'];
  if (rows !== null && rows !== file.rows) return [`has ${rows} rows instead of ${file.rows}`];
  return [];
}

export interface MeasuredFile {
  /** More than the maximum: the rest was not read. */
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
  /** `null`: not counted, because the file is sealed or compressed. */
  readonly rows: number | null;
}

/** Reads a file once. @param options.onProgress receives the count of bytes read */
export async function measureFile(
  path: string,
  { recipients }: Pick<Manifest, 'recipients'>,
  file: ManifestFile,
  { bytesMax, onProgress }: { readonly bytesMax: number; readonly onProgress: (bytes: number) => void },
): Promise<MeasuredFile> {
  const hash = createHash('sha256');
  const counter = recipients.length > 0 || file.compression !== 'none' ? undefined : createRowCounter(file, true);
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) break;
    hash.update(chunk);
    counter?.update(chunk);
    onProgress(chunk.length);
  }
  return { bytes, sha256: hash.digest('hex'), rows: counter?.rows ?? null };
}
