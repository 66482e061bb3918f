import { createHash } from 'node:crypto';
import { WaybillError } from '../../contracts/failures.ts';
import type { Manifest } from '../../contracts/manifest.ts';
import { openContent } from './content.ts';
import { type LocatedPart, partBytes } from './locate.ts';
import { type Piece, pieceProblem, readPiece } from './piece.ts';
import { createRowCount } from './row-count.ts';

/** What was found about one part. */
export interface PartVerdict {
  readonly name: string;
  /** One sentence each; empty: everything that could be checked holds. */
  readonly problems: readonly string[];
  /** A count of rows found in the content; `null`: not counted. */
  readonly rowsCounted: number | null;
}

/** UTF-8 byte order mark. */
const BOM_BYTES = 3;

/** @returns what does not add up in the manifest itself. */
export function sumProblems(manifest: Manifest): readonly string[] {
  return (['rows', 'bytes', 'contentBytes'] as const).flatMap((field) => {
    const sum = manifest.parts.reduce((total, part) => total + part[field], 0);
    return sum === manifest[field] ? [] : [`The manifest says ${manifest[field]} ${field}; its parts have ${sum}.`];
  });
}

/**
 * Checks one part: size and hash as stored; then, where it can be opened or has been, size, hash and rows of its
 * content.
 *
 * @param identity private keys, for a sealed part; without, its content is not looked at.
 * @param onProgress told the count of bytes read, twice as many in all where a stored part's content is read too.
 */
export async function verifyPart(
  manifest: Manifest,
  located: LocatedPart,
  identity: string | undefined,
  onProgress: (bytes: number) => void,
): Promise<PartVerdict> {
  const { part, form } = located;
  const verdict = (problems: readonly string[], rowsCounted: number | null = null) => ({
    name: part.name,
    problems,
    rowsCounted,
  });
  const piece = { ...located, bytes: partBytes(located), sha256: form === 'stored' ? part.sha256 : null };
  const problem = await pieceProblem(piece, onProgress);
  if (problem !== undefined) return verdict([problem]);
  if (form === 'stored' && manifest.recipients.length > 0 && identity === undefined) return verdict([]);

  try {
    const content = await readContent(manifest, { ...located, ...piece }, identity, onProgress);
    const problems: string[] = [];
    if (content.bytes !== part.contentBytes) {
      problems.push(`holds ${content.bytes} bytes of content instead of ${part.contentBytes}`);
    }
    if (part.contentSha256 !== null && content.sha256 !== part.contentSha256) {
      problems.push('holds content with another SHA-256');
    }
    if (content.rows !== null && content.rows !== part.rows)
      problems.push(`holds ${content.rows} rows instead of ${part.rows}`);
    return verdict(problems, content.rows);
  } catch (error) {
    if (error instanceof WaybillError) return verdict([`cannot be opened: ${error.message}`]);
    throw error;
  }
}

async function readContent(
  manifest: Manifest,
  located: LocatedPart & Piece,
  identity: string | undefined,
  onProgress: (bytes: number) => void,
) {
  const { format, csv, compression, parts } = manifest;
  const first = located.part === parts[0];
  const hash = createHash('sha256');
  const count = format === 'parquet' ? null : createRowCount(format);
  let bytes = 0;
  let skip = first && csv?.bom ? BOM_BYTES : 0;
  const opening = { identity: manifest.recipients.length > 0 ? identity : undefined, decompress: true };
  const stored = readPiece(located, onProgress);
  for await (const chunk of located.form === 'opened' ? stored : openContent(stored, compression, opening)) {
    bytes += chunk.length;
    hash.update(chunk);
    const skipped = Math.min(skip, chunk.length);
    skip -= skipped;
    count?.update(chunk.subarray(skipped));
  }
  const header = first && csv?.header ? 1 : 0;
  return { bytes, sha256: hash.digest('hex'), rows: count && count.records - header };
}
