import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { GenerationManifest } from '../../contracts/generation.ts';
import { parseGeneration } from '../../contracts/generation-schema.ts';
import type { Manifest, ManifestPart } from '../../contracts/manifest.ts';
import { parseManifest } from '../../contracts/manifest-schema.ts';
import { CliFailure, EXIT, usage } from '../failure.ts';

export const MANIFEST_FILE = 'manifest.json';
/** What follows the name of a file whose manifest was saved next to it. */
export const MANIFEST_SUFFIX = '.manifest.json';

/** Where a part lies on this disk. */
export interface LocatedPart {
  readonly part: ManifestPart;
  readonly file: string;
  /** Whether the file is as it was stored, or has been unsealed and decompressed. */
  readonly form: 'stored' | 'opened';
  /** First byte of the part in the file. */
  readonly offset: number;
  /** A count of bytes that the file has for the part; `null`: there is no such file. */
  readonly bytesThere: number | null;
}

/** A manifest on this disk: of an export, or of a generation of periodic files. */
export type ManifestOnDisk = { readonly file: string } & (
  | { readonly manifest: Manifest }
  | { readonly generation: GenerationManifest }
);

/**
 * Reads a manifest.
 *
 * @param path the manifest, or a directory that holds one: `manifest.json`, or a single `*.manifest.json`.
 * @throws CliFailure when there is none, or it is not one.
 */
export function readManifest(path: string): ManifestOnDisk {
  const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const file = isDirectory ? join(path, manifestIn(path)) : path;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw usage(`The manifest "${file}" cannot be read.`);
  }
  const parsed = isGeneration(text) ? parseGeneration(text) : parseManifest(text);
  if (!('problem' in parsed)) return { ...parsed, file };
  throw new CliFailure(EXIT.failed, `"${file}" is not a manifest.`, { lines: parsed.problem.split('\n') });
}

function isGeneration(text: string): boolean {
  try {
    return (JSON.parse(text) as { readonly kind?: unknown } | null)?.kind === 'generation';
  } catch {
    return false;
  }
}

function manifestIn(directory: string): string {
  const names = readdirSync(directory).filter((name) => name.endsWith(MANIFEST_FILE));
  if (names.includes(MANIFEST_FILE)) return MANIFEST_FILE;
  const [only, ...others] = names;
  if (only === undefined) throw usage(`There is no manifest in "${directory}".`);
  if (others.length > 0) throw usage(`There are several manifests in "${directory}".`, 'Name one of them.', ...names);
  return only;
}

/** Finds the parts beside their manifest: each as its own file, or all in the finished file, opened or not. */
export function locateParts(manifest: Manifest, manifestFile: string): readonly LocatedPart[] {
  const directory = dirname(manifestFile);
  const finished = finishedNames(manifest, manifestFile)
    .map((name) => join(directory, name))
    .find((file) => sizeOf(file) !== null);
  const separate = manifest.parts.some((part) => sizeOf(join(directory, part.name)) !== null);
  if (separate || finished === undefined) {
    return manifest.parts.map((part) => {
      const file = join(directory, part.name);
      return { part, file, form: 'stored', offset: 0, bytesThere: sizeOf(file) };
    });
  }
  const size = sizeOf(finished) ?? 0;
  const form = size === manifest.contentBytes && size !== manifest.bytes ? 'opened' : 'stored';
  let offset = 0;
  return manifest.parts.map((part, index) => {
    const bytes = partBytes({ part, form });
    const isLast = index === manifest.parts.length - 1;
    const rest = Math.max(0, size - offset);
    // Bytes behind the last part belong to no part, so they are counted to it and make it too long.
    const located = { part, file: finished, form, offset, bytesThere: isLast ? rest : Math.min(rest, bytes) } as const;
    offset += bytes;
    return located;
  });
}

/** A count of bytes that the file should have for the part. */
export function partBytes({ part, form }: Pick<LocatedPart, 'part' | 'form'>): number {
  return form === 'stored' ? part.bytes : part.contentBytes;
}

function finishedNames(manifest: Manifest, manifestFile: string): readonly string[] {
  const name = basename(manifestFile);
  return name.endsWith(MANIFEST_SUFFIX) ? [name.slice(0, -MANIFEST_SUFFIX.length), manifest.file] : [manifest.file];
}

/** @returns size in bytes; `null`: there is no such file */
export function sizeOf(file: string): number | null {
  const found = statSync(file, { throwIfNoEntry: false });
  return found?.isFile() ? found.size : null;
}
