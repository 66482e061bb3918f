import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { Manifest, ManifestFile } from '../../contracts/manifest.ts';
import { createRowCounter } from '../files/count.ts';
import { envelopePath, MANIFEST_FILE } from '../files/locate.ts';
import type { DeliveredDay, Problem } from './days.ts';
import { filePath, openJoined, pathsOf } from './pieces.ts';
import { type DayPlace, Unreadable } from './place.ts';

/** Follows the name of a file whose hash it holds. */
const HASH_SUFFIX = '.sha256';

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
  const there = await day.list();
  const hidden = new Set([MANIFEST_FILE, envelopePath(MANIFEST_FILE)]);
  /** By path; `null`: unknown, because the file was not read to its end. */
  const hashes = new Map<string, string | null>([[MANIFEST_FILE, day.sha256]]);
  const pieces = new Set<string>();
  for (const file of day.manifest.files) {
    const own = filePath(file);
    if (!ENTITY.test(file.dataset)) {
      problem(MANIFEST_FILE, null, `The manifest has a dataset that is not a name: ${file.dataset}.`);
      continue;
    }
    const paths = pathsOf(day.manifest, file, there);
    for (const path of paths) {
      hidden.add(path);
      hashes.set(path, paths.length === 1 ? (file.sha256 ?? null) : null);
    }
    if (file.sha256 !== undefined) hashes.set(own, file.sha256);
    const wrong = paths.find((path) => there.get(path) !== true);
    if (wrong === undefined) {
      const joined = openJoined(day, paths);
      const what = paths.length === 1 ? file.file : `${file.file} in ${paths.length} pieces`;
      for (const text of await checkFile(joined.bytes, day.manifest, file, onProgress)) {
        problem(own, file.dataset, `${what} ${text}.`);
      }
      for (const [path, hash] of joined.hashes) {
        pieces.add(path);
        hashes.set(path, hash);
      }
    } else if (there.has(wrong)) problem(wrong, file.dataset, `${basename(wrong)} is not a regular file.`);
    else problem(wrong, file.dataset, `${basename(wrong)} is missing.`);
  }
  for (const [path, isFile] of there) {
    if (hidden.has(path)) continue;
    const hashed = path.endsWith(HASH_SUFFIX) ? path.slice(0, -HASH_SUFFIX.length) : '';
    const hash = hashes.get(hashed);
    if (hash === undefined || !isFile) problem(path, null, `${path} is not in the manifest.`);
    else if (hash !== null && (await readStart(day, path, hash.length)) !== hash) {
      const whose = pieces.has(hashed) ? 'that piece has' : 'the manifest';
      problem(path, entityOf(path), `${path} holds another hash than ${whose}.`);
    }
  }
  return problems;
}

/** A dataset's name in a catalog. A manifest of somebody else might have one that leads out of the directory. */
export const ENTITY = /^[A-Za-z][A-Za-z0-9_]*$/;

function entityOf(path: string): string | null {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : null;
}

async function readStart(place: Pick<DayPlace, 'read'>, path: string, bytes: number): Promise<string> {
  let start = '';
  for await (const chunk of place.read(path)) {
    start += Buffer.from(chunk.subarray(0, bytes)).toString('latin1');
    if (start.length >= bytes) break;
  }
  return start.slice(0, bytes);
}

/** @returns what is wrong, each the rest of a sentence about the file */
async function checkFile(
  source: AsyncIterable<Uint8Array>,
  manifest: Manifest,
  file: ManifestFile,
  onProgress: (bytes: number) => void,
): Promise<readonly string[]> {
  if (file.sha256 === undefined) return ['has no SHA-256 in the manifest'];
  let measured: MeasuredFile;
  try {
    // Not more is read of a file that is too long.
    measured = await measureFile(source, manifest, file, { bytesMax: file.bytes, onProgress });
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return [error.message];
  }
  const { bytes, sha256, rows } = measured;
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
  source: AsyncIterable<Uint8Array>,
  { recipients }: Pick<Manifest, 'recipients'>,
  file: ManifestFile,
  { bytesMax, onProgress }: { readonly bytesMax: number; readonly onProgress: (bytes: number) => void },
): Promise<MeasuredFile> {
  const hash = createHash('sha256');
  const counter = recipients.length > 0 || file.compression !== 'none' ? undefined : createRowCounter(file, true);
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > bytesMax) break;
    hash.update(chunk);
    counter?.update(chunk);
    onProgress(chunk.length);
  }
  return { bytes, sha256: hash.digest('hex'), rows: counter?.rows ?? null };
}
