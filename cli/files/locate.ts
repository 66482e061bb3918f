import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Manifest, type ManifestFile, type ManifestPart, parseManifest } from '../../contracts/manifest.ts';
import { CliFailure, EXIT, usage } from '../failure.ts';

export const MANIFEST_FILE = 'manifest.json';
/** What follows the name of a file whose manifest was saved next to it. */
export const MANIFEST_SUFFIX = '.manifest.json';

/** A file of a manifest on this disk. */
export interface LocatedFile {
  readonly file: ManifestFile;
  /** Whether it is as it was stored, or has been unsealed and decompressed. */
  readonly form: 'stored' | 'opened';
  /** One a part. */
  readonly pieces: readonly LocatedPart[];
}

/** Where a part lies. */
export interface LocatedPart {
  readonly part: ManifestPart;
  readonly path: string;
  /** First byte of the part in the file at `path`. */
  readonly offset: number;
  /** Count of bytes that are there for the part; `null`: there is no such file. */
  readonly bytesThere: number | null;
}

/**
 * Reads a manifest.
 *
 * @param path the manifest, or a directory that holds one: `manifest.json`, or a single `*.manifest.json`.
 * @returns the manifest, and the path of its file
 * @throws CliFailure when there is none, or it is not one.
 */
export function readManifest(path: string): { readonly manifest: Manifest; readonly path: string } {
  const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const file = isDirectory ? join(path, manifestIn(path)) : path;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw usage(`The manifest "${file}" cannot be read.`);
  }
  const parsed = parseManifest(text);
  if ('manifest' in parsed) return { manifest: parsed.manifest, path: file };
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
 * Finds the files of a manifest beside it, stored or opened: a finished file by its name, its parts by theirs, and the file
 * of a manifest that is called `<file>.manifest.json`. Of a format that is there at all every file should be; the pieces of
 * a missing one have `bytesThere` null.
 *
 * @returns empty: no file in any format is there
 */
export function locateFiles({ files }: Manifest, manifestPath: string): readonly LocatedFile[] {
  const formats = [...new Set(files.map(({ format }) => format))];
  return formats.flatMap((format) => {
    const ofFormat = files.filter((file) => file.format === format);
    const found = ofFormat.map((file) => locateFile(file, files, manifestPath));
    const [example] = found.flat();
    if (example === undefined) return [];
    return ofFormat.flatMap((file, index) => {
      const located = found[index] ?? [];
      if (located.length > 0) return located;
      const name = example.form === 'stored' ? file.file : openedFileName(file);
      return [locateWhole(file, join(dirname(manifestPath), name), example.form)];
    });
  });
}

function locateFile(file: ManifestFile, files: readonly ManifestFile[], manifestPath: string): readonly LocatedFile[] {
  const directory = dirname(manifestPath);
  const located: LocatedFile[] = [];
  if (file.parts.some(({ name }) => sizeOf(join(directory, name)) !== null)) {
    const pieces = file.parts.map((part) => {
      const path = join(directory, part.name);
      return { part, path, offset: 0, bytesThere: sizeOf(path) };
    });
    located.push({ file, form: 'stored', pieces });
  }
  const named = nameInManifestName(manifestPath);
  const own = named !== undefined && files.length === 1 ? [named] : [];
  for (const name of new Set([...own, file.file, openedFileName(file)])) {
    const path = join(directory, name);
    const size = sizeOf(path);
    if (size === null) continue;
    const isOpened = own.includes(name) ? size === file.contentBytes && size !== file.bytes : name !== file.file;
    located.push(locateWhole(isOpened ? twinOf(file, files, size) : file, path, isOpened ? 'opened' : 'stored'));
  }
  return located;
}

/** The server gives JSON that it has opened the same name with and without types: its size tells which it is. */
function twinOf(file: ManifestFile, files: readonly ManifestFile[], size: number): ManifestFile {
  if (file.format !== 'json' || size === file.contentBytes) return file;
  const typed = files.find(({ name, format }) => name === file.name && format === 'typed-json');
  return typed?.contentBytes === size ? typed : file;
}

function locateWhole(file: ManifestFile, path: string, form: LocatedFile['form']): LocatedFile {
  const size = sizeOf(path);
  let offset = 0;
  const pieces = file.parts.map((part, index) => {
    const bytes = form === 'stored' ? part.bytes : part.contentBytes;
    const isLast = index === file.parts.length - 1;
    const rest = Math.max(0, (size ?? 0) - offset);
    // Bytes behind the last part belong to no part, so they are counted to it and make it too long.
    const bytesThere = size === null ? null : isLast ? rest : Math.min(rest, bytes);
    const piece = { part, path, offset, bytesThere };
    offset += bytes;
    return piece;
  });
  return { file, form, pieces };
}

function openedFileName({ file }: ManifestFile): string {
  return file.replace(/\.age$/, '').replace(/\.(?:gz|zst)$/, '');
}

function nameInManifestName(manifestPath: string): string | undefined {
  const name = basename(manifestPath);
  return name.endsWith(MANIFEST_SUFFIX) ? name.slice(0, -MANIFEST_SUFFIX.length) : undefined;
}

/** @returns size in bytes; `null`: there is no such file */
function sizeOf(file: string): number | null {
  const found = statSync(file, { throwIfNoEntry: false });
  return found?.isFile() ? found.size : null;
}
