import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Manifest, type ManifestFile, type ManifestPart, parseManifest } from '../../contracts/manifest.ts';
import { CliFailure, EXIT, usage } from '../failure.ts';
import { openedName } from './opening.ts';

export const MANIFEST_FILE = 'manifest.json';
/** Follows the name of a file whose manifest is saved next to it. */
export const MANIFEST_SUFFIX = '.manifest.json';

/** @returns path of the signed manifest beside a manifest: `manifest.json` and `manifest.dsse.json` */
export function envelopePath(manifestPath: string): string {
  return manifestPath.replace(/(?:\.json)?$/, '.dsse.json');
}

/** A file of a manifest on this disk. */
export interface LocatedFile {
  readonly file: ManifestFile;
  /** Whether it is as it was stored, or has been unsealed and decompressed. */
  readonly form: 'stored' | 'opened';
  /** One per part. */
  readonly pieces: readonly LocatedPart[];
}

/** A part on this disk: a file of its own, or a piece of the finished file. */
export interface LocatedPart {
  readonly part: ManifestPart;
  readonly path: string;
  /** First byte of the part in the file at `path`. */
  readonly offset: number;
  /** Count of bytes found for the part; `null`: there is no such file. */
  readonly bytesThere: number | null;
}

/** A manifest on this disk. */
export interface ReadManifest {
  readonly manifest: Manifest;
  readonly bytes: Uint8Array;
  /** Of its file. */
  readonly path: string;
}

/**
 * Reads a manifest.
 *
 * @param path the manifest, or a directory that holds one: `manifest.json`, or a single `*.manifest.json`
 * @throws CliFailure if there is none, or it is invalid
 */
export function readManifest(path: string): ReadManifest {
  const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const file = isDirectory ? join(path, manifestIn(path)) : path;
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch {
    throw usage(`The manifest "${file}" cannot be read.`);
  }
  const parsed = parseManifest(Buffer.from(bytes).toString('utf8'));
  if ('manifest' in parsed) return { manifest: parsed.manifest, bytes, path: file };
  throw new CliFailure(EXIT.failed, `"${file}" is not a manifest.`, { lines: parsed.problem.split('\n') });
}

function manifestIn(directory: string): string {
  const names = readdirSync(directory).filter((name) => name.endsWith(MANIFEST_FILE));
  if (names.includes(MANIFEST_FILE)) return MANIFEST_FILE;
  const [only, ...others] = names;
  if (only === undefined) throw usage(`There is no manifest in "${directory}".`);
  if (others.length > 0) throw usage(`There are several manifests in "${directory}".`, 'Name one of them.', ...names);
  return only;
}

/**
 * Finds the files of a manifest beside it, stored or opened: a finished file by its name, its parts by theirs, and the
 * file of a manifest that is called `<file>.manifest.json`. If any file of a format is found, all of that format are
 * expected; those missing have pieces with `bytesThere: null`.
 *
 * @returns empty if no file in any format is found
 */
export function locateFiles({ files }: Manifest, manifestPath: string): readonly LocatedFile[] {
  const ofFormats = [...Map.groupBy(files, ({ format }) => format).values()];
  return ofFormats.flatMap((ofFormat) => {
    const found = ofFormat.map((file) => ({ file, located: locateFile(file, files, manifestPath) }));
    const form = found.flatMap(({ located }) => located)[0]?.form;
    if (form === undefined) return [];
    return found.flatMap(({ file, located }) => {
      if (located.length > 0) return located;
      const name = form === 'stored' ? file.file : contentName(file);
      return [locateWhole(file, join(dirname(manifestPath), name), form)];
    });
  });
}

function locateFile(file: ManifestFile, files: readonly ManifestFile[], manifestPath: string): readonly LocatedFile[] {
  const directory = dirname(manifestPath);
  const located: LocatedFile[] = [];
  const pieces = file.parts.map((part) => {
    const path = join(directory, part.name);
    return { part, path, offset: 0, bytesThere: sizeOf(path) };
  });
  if (pieces.some(({ bytesThere }) => bytesThere !== null)) located.push({ file, form: 'stored', pieces });
  const named = basename(manifestPath);
  const own =
    named.endsWith(MANIFEST_SUFFIX) && files.length === 1 ? named.slice(0, -MANIFEST_SUFFIX.length) : undefined;
  for (const name of new Set([...(own === undefined ? [] : [own]), file.file, contentName(file)])) {
    const path = join(directory, name);
    const size = sizeOf(path);
    if (size === null) continue;
    const isOpened = name === own ? size === file.contentBytes && size !== file.bytes : name !== file.file;
    located.push(locateWhole(isOpened ? twinOf(file, files, size) : file, path, isOpened ? 'opened' : 'stored'));
  }
  return located;
}

/** The server gives opened JSON the same name with and without types; only the size tells them apart. */
function twinOf(file: ManifestFile, files: readonly ManifestFile[], size: number): ManifestFile {
  if (file.format !== 'json' || size === file.contentBytes) return file;
  const typed = files.find(({ name, format }) => name === file.name && format === 'typed-json');
  return typed?.contentBytes === size ? typed : file;
}

function locateWhole(file: ManifestFile, path: string, form: LocatedFile['form']): LocatedFile {
  const size = sizeOf(path);
  let offset = 0;
  const pieces = file.parts.map((part, index) => {
    const isLast = index === file.parts.length - 1;
    const bytes = expectedBytes(part, form);
    const rest = Math.max(0, (size ?? 0) - offset);
    // Bytes after the last part count towards it and make it too long.
    const bytesThere = size === null ? null : isLast ? rest : Math.min(rest, bytes);
    const piece = { part, path, offset, bytesThere };
    offset += bytes;
    return piece;
  });
  return { file, form, pieces };
}

/** @returns size of a part as the manifest has it */
export function expectedBytes(part: ManifestPart, form: LocatedFile['form']): number {
  return form === 'stored' ? part.bytes : part.contentBytes;
}

function contentName({ file }: ManifestFile): string {
  return openedName(file, { unseal: true, decompress: true });
}

/** @returns size in bytes; `null` if there is no such file */
function sizeOf(file: string): number | null {
  const found = statSync(file, { throwIfNoEntry: false });
  return found?.isFile() ? found.size : null;
}
