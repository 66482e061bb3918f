import { createHash } from 'node:crypto';
import { isPieceOf, piecePath } from '../../contracts/destination.ts';
import type { Manifest, ManifestFile } from '../../contracts/manifest.ts';
import { joinCsvPieces, PieceMismatch } from '../../streams/csv-pieces.ts';
import { type DayPlace, Unreadable } from './place.ts';

/** Path of a file below its day. Names in a manifest have no slashes. */
export function filePath({ dataset, file }: ManifestFile): string {
  return `${dataset}/${file}`;
}

/**
 * Finds a file below its day: its own path or, if that is not there, those of the pieces that a push has split it into, in order and
 * up to the first one that is missing.
 *
 * @param there paths below the day
 * @returns at least one path; the last one may not be there
 */
export function pathsOf(
  { recipients }: Pick<Manifest, 'recipients'>,
  file: ManifestFile,
  there: ReadonlyMap<string, unknown>,
): readonly string[] {
  const own = filePath(file);
  const canBeSplit = file.csv?.header === true && file.compression === 'none' && recipients.length === 0;
  if (there.has(own) || !canBeSplit) return [own];
  const [stem, extension] = [`${file.dataset}/${file.name}`, file.file.slice(file.name.length)];
  const pieces = [...there.keys()].filter((path) => path !== own && isPieceOf(stem, extension, path));
  const paths: string[] = [];
  for (let place = 0; paths.length < pieces.length; place += 1) {
    const path = piecePath(stem, extension, place);
    paths.push(path);
    if (!there.has(path)) break;
  }
  return paths.length === 0 ? [own] : paths;
}

/** A file that is read from one path or from several pieces. */
export interface JoinedFile {
  /** @throws Unreadable */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** SHA-256 of each piece that was read to its end, by path; lower-case hex. */
  readonly hashes: ReadonlyMap<string, string>;
}

export function openJoined({ read }: Pick<DayPlace, 'read'>, paths: readonly string[]): JoinedFile {
  const hashes = new Map<string, string>();
  const [only, ...others] = paths;
  if (only !== undefined && others.length === 0) return { bytes: read(only), hashes };

  async function* hashed(path: string): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    for await (const chunk of read(path)) {
      hash.update(chunk);
      yield chunk;
    }
    hashes.set(path, hash.digest('hex'));
  }
  async function* joined(): AsyncGenerator<Uint8Array> {
    try {
      yield* joinCsvPieces(paths.map(hashed));
    } catch (error) {
      if (!(error instanceof PieceMismatch)) throw error;
      throw new Unreadable(`is in pieces, of which ${paths[error.place]} ${error.message}`);
    }
  }
  return { bytes: joined(), hashes };
}
