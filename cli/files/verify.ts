import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { WaybillError } from '../../contracts/failures.ts';
import { type Manifest, type ManifestFile, manifestSums, type Sums, sumsOf } from '../../contracts/manifest.ts';
import { createRowCounter } from './count.ts';
import { checkEntries } from './entries.ts';
import { expectedBytes, type LocatedFile, type LocatedPart } from './locate.ts';
import { openContent } from './opening.ts';

/** Result of checking one part. */
export interface PartCheckResult extends Pick<LocatedFile, 'form'>, Pick<LocatedPart, 'bytesThere'> {
  /** Name of its file on this disk; of the part if that file holds several. */
  readonly name: string;
  /** Name of the finished file. */
  readonly file: string;
  readonly format: ManifestFile['format'];
  /** Each the rest of a sentence about the part; empty if everything that could be checked matches. */
  readonly problems: readonly string[];
  /** Count of rows found in the content; `null`: not counted. */
  readonly rowsCounted: number | null;
  /** Of an archive: whether its entries were compared, or what they would take; `null`: it is none, or has problems. */
  readonly entries: 'compared' | 'password' | 'sealed' | null;
}

/** What opens files. */
export interface VerifyKeys {
  readonly identity: string | undefined;
  readonly password?: string | undefined;
}

type Findings = Pick<PartCheckResult, 'problems' | 'rowsCounted'>;

/** @returns the sums in the manifest that do not add up */
export function sumProblems(manifest: Manifest): readonly string[] {
  return [
    ...manifest.files.flatMap((file) => [
      ...differences(file.file, file, 'parts', sumsOf(file.parts)),
      ...dayProblems(file),
    ]),
    ...differences('The manifest', manifest, 'files', manifestSums(manifest.files)),
    ...sliceProblems(manifest),
  ];
}

/** The slices of an export's files begin and end open, and each begins where the one before ends. */
function sliceProblems({ files }: Manifest): readonly string[] {
  if (files.every(({ slice }) => slice === undefined)) return [];
  const ends = [null, ...files.map(({ slice }) => slice?.to ?? null)];
  return files.flatMap(({ file, slice }, place) => {
    const [from, after] = [slice?.from ?? null, ends[place] ?? null];
    const isLast = place === files.length - 1;
    if (from !== after || (place > 0 && from === null)) {
      return [`${file} begins at ${from ?? 'no time'}; the file before it ends at ${after ?? 'no time'}.`];
    }
    return isLast && (slice?.to ?? null) !== null ? [`${file} is the last, but ends at ${slice?.to}.`] : [];
  });
}

function dayProblems({ file, rows, rowsByDay }: ManifestFile): readonly string[] {
  const sum = rowsByDay?.reduce((total, day) => total + day.rows, 0) ?? rows;
  return sum === rows ? [] : [`${file} has ${rows} rows; its days have ${sum}.`];
}

function differences(whole: string, stated: Sums, of: string, sums: Sums): readonly string[] {
  return (['rows', 'bytes', 'contentBytes'] as const).flatMap((field) =>
    stated[field] === sums[field] ? [] : [`${whole} has ${stated[field]} ${field}; its ${of} have ${sums[field]}.`],
  );
}

/** @returns whether the content of a file can be checked */
export function canOpen({ form }: LocatedFile, sealed: boolean, identity: string | undefined): boolean {
  return form === 'opened' || !sealed || identity !== undefined;
}

/**
 * Checks a file part by part: size and hash as stored; then, if it is opened or can be, size, hash and rows of its
 * content. Rows of Parquet are not counted.
 *
 * @param keys.identity private keys for a sealed file; without them, its content is not checked
 * @param keys.password of an archive; without it, the entries of one that has a password are not checked
 * @param onProgress receives the count of bytes read; a stored part is read twice if its content is checked
 */
export async function verifyFile(
  { recipients }: Pick<Manifest, 'recipients'>,
  located: LocatedFile,
  { identity, password }: VerifyKeys,
  onProgress: (bytes: number) => void,
): Promise<readonly PartCheckResult[]> {
  const { file, form, pieces } = located;
  const sealed = recipients.length > 0;
  const results: PartCheckResult[] = [];
  for (const piece of pieces) {
    const name = pieces.length === 1 ? basename(piece.path) : piece.part.name;
    const read = () => readPart(piece, form, onProgress);
    let findings = await checkPart(piece, form, read);
    if (findings.problems.length === 0 && canOpen(located, sealed, identity)) {
      const opening = { identity: sealed ? identity : undefined, decompress: true };
      const content = form === 'opened' ? read() : openContent(read(), file.compression, opening);
      findings = await checkContent(content, file, piece);
    }
    const entries = findings.problems.length === 0 ? entriesOf(located, sealed, password) : null;
    if (entries === 'compared') findings = { ...findings, problems: await checkEntries(piece.path, file, password) };
    results.push({
      name,
      file: file.file,
      format: file.format,
      form,
      bytesThere: piece.bytesThere,
      entries,
      ...findings,
    });
  }
  return results;
}

/** An archive is one part. */
function entriesOf(
  { file, form }: LocatedFile,
  sealed: boolean,
  password: string | undefined,
): PartCheckResult['entries'] {
  if (file.format !== 'zip') return null;
  // Its directory is at its end, so it cannot be read while it is opened.
  if (form === 'stored' && sealed) return 'sealed';
  return file.encryption && password === undefined ? 'password' : 'compared';
}

async function checkPart(
  { part, bytesThere }: LocatedPart,
  form: LocatedFile['form'],
  read: () => AsyncIterable<Uint8Array>,
): Promise<Findings> {
  const bytes = expectedBytes(part, form);
  if (bytesThere === null) return finding('is missing');
  if (bytesThere !== bytes) return finding(`has ${bytesThere} bytes instead of ${bytes}`);
  if (form === 'opened') return finding();
  const hash = createHash('sha256');
  for await (const chunk of read()) hash.update(chunk);
  return hash.digest('hex') === part.sha256 ? finding() : finding('has another SHA-256');
}

function finding(...problems: readonly string[]): Findings {
  return { problems, rowsCounted: null };
}

async function checkContent(
  content: AsyncIterable<Uint8Array>,
  file: ManifestFile,
  { part }: LocatedPart,
): Promise<Findings> {
  const hash = createHash('sha256');
  const counter = createRowCounter(file, part === file.parts[0]);
  let bytes = 0;
  try {
    for await (const chunk of content) {
      bytes += chunk.length;
      if (part.contentSha256 !== null) hash.update(chunk);
      counter?.update(chunk);
    }
  } catch (error) {
    if (!(error instanceof WaybillError)) throw error;
    return finding(`cannot be opened: ${error.message}`);
  }
  const rows = counter?.rows ?? null;
  const problems: string[] = [];
  if (bytes !== part.contentBytes) problems.push(`holds ${bytes} bytes of content instead of ${part.contentBytes}`);
  if (part.contentSha256 !== null && hash.digest('hex') !== part.contentSha256) {
    problems.push('holds content with another SHA-256');
  }
  if (counter?.problem !== undefined) problems.push(counter.problem);
  if (rows !== null && rows !== part.rows) problems.push(`holds ${rows} rows instead of ${part.rows}`);
  return { problems, rowsCounted: rows };
}

async function* readPart(
  { part, path, offset }: LocatedPart,
  form: LocatedFile['form'],
  onProgress: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const bytes = expectedBytes(part, form);
  if (bytes === 0) return;
  const stream = createReadStream(path, { start: offset, end: offset + bytes - 1, highWaterMark: 1 << 20 });
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    onProgress(chunk.length);
    yield chunk;
  }
}
