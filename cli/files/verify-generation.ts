import { WaybillError } from '../../contracts/failures.ts';
import type { GenerationManifest } from '../../contracts/generation.ts';
import type { PeriodicFormat } from '../../contracts/order.ts';
import { createArrayCount } from './array-count.ts';
import { openContent } from './content.ts';
import { type LocatedFile, nameOf } from './locate-generation.ts';
import { type Piece, pieceProblem, readPiece } from './piece.ts';
import { createRowCount } from './row-count.ts';
import type { PartVerdict } from './verify.ts';

/** What was found about one file. */
export interface FileVerdict extends PartVerdict, Pick<LocatedFile, 'format' | 'form' | 'bytesThere'> {}

/** What the content of a file turned out to be. */
interface Content {
  readonly bytes: number;
  readonly rows: number;
  readonly whole: boolean;
}

/** @returns what does not add up in the manifest itself. */
export function generationSumProblems({ files, ...manifest }: GenerationManifest): readonly string[] {
  const objects = files.flatMap((file) => Object.values(file.objects));
  const sums = {
    rows: files.reduce((total, { rows }) => total + rows, 0),
    bytes: objects.reduce((total, { bytes }) => total + bytes, 0),
    contentBytes: objects.reduce((total, { contentBytes }) => total + contentBytes, 0),
  };
  return (['rows', 'bytes', 'contentBytes'] as const).flatMap((field) =>
    sums[field] === manifest[field]
      ? []
      : [`The manifest says ${manifest[field]} ${field}; its files have ${sums[field]}.`],
  );
}

/**
 * Checks one file: a sealed one by size and hash, and with a key by size and rows of its content; an opened one by size and
 * rows.
 *
 * @param identity private keys, for a sealed file; without, its content is not looked at.
 * @param onProgress told the count of bytes read, twice as many in all where a sealed file's content is read too.
 */
export async function verifyFile(
  located: LocatedFile,
  identity: string | undefined,
  onProgress: (bytes: number) => void,
): Promise<FileVerdict> {
  const { entry, format, form, object, file, bytesThere } = located;
  const verdict = (problems: readonly string[], content?: Content): FileVerdict => ({
    ...{ name: nameOf(located), format, form, bytesThere, problems },
    rowsCounted: content?.rows ?? null,
  });
  const sealed = form === 'sealed';
  const piece: Piece = {
    ...{ file, offset: 0, bytesThere },
    bytes: sealed ? object.bytes : object.contentBytes,
    sha256: sealed ? object.sha256 : null,
  };
  const problem = await pieceProblem(piece, onProgress);
  if (problem !== undefined) return verdict([problem]);
  if (sealed && identity === undefined) return verdict([]);

  try {
    const opening = { identity: sealed ? identity : undefined, decompress: false };
    const content = await readContent(openContent(readPiece(piece, onProgress), 'none', opening), format);
    const problems: string[] = [];
    if (content.bytes !== object.contentBytes) {
      problems.push(`holds ${content.bytes} bytes of content instead of ${object.contentBytes}`);
    }
    if (!content.whole) problems.push('is not one whole JSON array');
    if (content.rows !== entry.rows) problems.push(`holds ${content.rows} rows instead of ${entry.rows}`);
    return verdict(problems, content);
  } catch (error) {
    if (error instanceof WaybillError) return verdict([`cannot be opened: ${error.message}`]);
    throw error;
  }
}

async function readContent(content: AsyncIterable<Uint8Array>, format: PeriodicFormat): Promise<Content> {
  const [lines, array] = [createRowCount('csv'), createArrayCount()];
  const count = format === 'csv' ? lines : array;
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.length;
    count.update(chunk);
  }
  // The first record of CSV is its header.
  return format === 'csv'
    ? { bytes, rows: Math.max(0, lines.records - 1), whole: true }
    : { bytes, rows: array.records, whole: array.whole };
}
