import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { WaybillError } from '../../contracts/failures.ts';
import { type Manifest, type ManifestFile, manifestSums, type Sums, sumsOf } from '../../contracts/manifest.ts';
import { createCount } from './count.ts';
import type { LocatedFile, LocatedPart } from './locate.ts';
import { openContent } from './opening.ts';

/** What was found about one part. */
export interface PartCheckResult extends Pick<LocatedFile, 'form'>, Pick<LocatedPart, 'bytesThere'> {
  /** Of its file on this disk, or of the part where that holds several. */
  readonly name: string;
  /** Name of the finished file. */
  readonly file: string;
  readonly format: ManifestFile['format'];
  /** One sentence each; empty: everything that could be checked holds. */
  readonly problems: readonly string[];
  /** Count of rows found in the content; `null`: not counted. */
  readonly rowsCounted: number | null;
}

/** @returns what does not add up in the manifest itself. */
export function sumProblems(manifest: Manifest): readonly string[] {
  return [
    ...manifest.files.flatMap((file) => differences(file.file, file, 'parts', sumsOf(file.parts))),
    ...differences('The manifest', manifest, 'files', manifestSums(manifest.files)),
  ];
}

function differences(whole: string, told: Sums, of: string, sums: Sums): readonly string[] {
  return (['rows', 'bytes', 'contentBytes'] as const).flatMap((field) =>
    told[field] === sums[field] ? [] : [`${whole} has ${told[field]} ${field}; its ${of} have ${sums[field]}.`],
  );
}

/** @returns whether the content is read, and rows are counted where the format has any that can be */
export function canOpen({ form }: LocatedFile, sealed: boolean, identity: string | undefined): boolean {
  return form === 'opened' || !sealed || identity !== undefined;
}

/**
 * Checks a file part by part: size and hash as stored; then, where it can be opened or has been, size, hash and rows of its
 * content. Parquet has its rows counted when it is written, and not here.
 *
 * @param identity private keys, for a sealed file; without, its content is not looked at.
 * @param onProgress told the count of bytes read, twice as many in all where a stored part's content is read too.
 */
export async function verifyFile(
  { recipients }: Pick<Manifest, 'recipients'>,
  located: LocatedFile,
  identity: string | undefined,
  onProgress: (bytes: number) => void,
): Promise<readonly PartCheckResult[]> {
  const { file, form, pieces } = located;
  const sealed = recipients.length > 0;
  const verdicts: PartCheckResult[] = [];
  for (const { part, path, offset, bytesThere } of pieces) {
    const name = pieces.length === 1 ? basename(path) : part.name;
    const verdict = (problems: readonly string[], rowsCounted: number | null = null) =>
      verdicts.push({ name, file: file.file, format: file.format, form, bytesThere, problems, rowsCounted });
    const piece: Piece = {
      ...{ file: path, offset, bytesThere },
      ...(form === 'stored' ? { bytes: part.bytes, sha256: part.sha256 } : { bytes: part.contentBytes, sha256: null }),
    };
    const problem = await pieceProblem(piece, onProgress);
    if (problem !== undefined) verdict([problem]);
    else if (!canOpen(located, sealed, identity)) verdict([]);
    else {
      try {
        const opening = { identity: sealed ? identity : undefined, decompress: true };
        const bytes = readPiece(piece, onProgress);
        const content = form === 'opened' ? bytes : openContent(bytes, file.compression, opening);
        const { rows, problems } = await checkContent(content, file, part);
        verdict(problems, rows);
      } catch (error) {
        if (!(error instanceof WaybillError)) throw error;
        verdict([`cannot be opened: ${error.message}`]);
      }
    }
  }
  return verdicts;
}

async function checkContent(content: AsyncIterable<Uint8Array>, file: ManifestFile, part: LocatedPart['part']) {
  const hash = createHash('sha256');
  const count = createCount(file, part === file.parts[0]);
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.length;
    if (part.contentSha256 !== null) hash.update(chunk);
    count?.update(chunk);
  }
  const rows = count ? count.rows() : null;
  const problems: string[] = [];
  if (bytes !== part.contentBytes) problems.push(`holds ${bytes} bytes of content instead of ${part.contentBytes}`);
  if (part.contentSha256 !== null && hash.digest('hex') !== part.contentSha256) {
    problems.push('holds content with another SHA-256');
  }
  if (count && !count.whole()) problems.push('is not one whole JSON array');
  if (rows !== null && rows !== part.rows) problems.push(`holds ${rows} rows instead of ${part.rows}`);
  return { rows, problems };
}

/** A stretch of a file on this disk, and what a manifest says of it. */
export interface Piece {
  readonly file: string;
  /** Its first byte in the file. */
  readonly offset: number;
  /** Count of bytes that the file has for it; `null`: there is no such file. */
  readonly bytesThere: number | null;
  /** Count of bytes that it should have. */
  readonly bytes: number;
  /** SHA-256 that it should have, in lower-case hex; `null`: the manifest does not tell. */
  readonly sha256: string | null;
}

/**
 * Looks for what is wrong with the bytes of a piece.
 *
 * @param onProgress told the count of bytes read; none are where the manifest tells no hash.
 * @returns the rest of a sentence about it, or `undefined`: it is as it should be
 */
export async function pieceProblem(piece: Piece, onProgress: (bytes: number) => void): Promise<string | undefined> {
  const { bytesThere, bytes, sha256 } = piece;
  if (bytesThere === null) return 'is missing';
  if (bytesThere !== bytes) return `has ${bytesThere} bytes instead of ${bytes}`;
  if (sha256 === null) return undefined;
  const hash = createHash('sha256');
  for await (const chunk of readPiece(piece, onProgress)) hash.update(chunk);
  return hash.digest('hex') === sha256 ? undefined : 'has another SHA-256';
}

/** The bytes that it should have, as far as they are there. */
export async function* readPiece(
  { file, offset, bytes }: Pick<Piece, 'file' | 'offset' | 'bytes'>,
  onProgress: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  if (bytes === 0) return;
  const stream = createReadStream(file, { start: offset, end: offset + bytes - 1, highWaterMark: 1 << 20 });
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    onProgress(chunk.length);
    yield chunk;
  }
}
