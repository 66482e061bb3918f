import { createReadStream } from 'node:fs';
import type { ManifestFile } from '../../contracts/manifest.ts';
import { CliFailure, EXIT } from '../failure.ts';
import { type Opening, openContent } from './opening.ts';
import { createPartCheck, FileMismatch, type PartCheck } from './part-check.ts';
import { type OpenAt, resuming } from './resuming.ts';
import { createSavedFile, PARTIAL, partialBytes } from './save.ts';

export interface DownloadOptions {
  /** What the manifest says of the file. */
  readonly entry: ManifestFile;
  readonly open: OpenAt;
  readonly file: string;
  readonly opening: Opening;
  /** Milliseconds between a loss of the connection and the next try. */
  readonly retryMs: number;
  readonly signal: AbortSignal;
  /** Told the count of bytes received so far, what an earlier run has left included. */
  readonly onProgress: (bytes: number) => void;
}

/**
 * Downloads a finished file, opening it on the way where that is asked for. Sizes and hashes of all parts are checked
 * against the manifest before the file gets its name.
 *
 * A file that is stored as it comes goes on from what an interrupted run has left; one that is opened on the way
 * begins anew.
 *
 * @returns a count of bytes written to the file.
 */
export async function downloadFile(options: DownloadOptions): Promise<number> {
  const asStored = options.opening.identity === undefined && !options.opening.decompress;
  const left = asStored ? await checkLeft(options) : undefined;
  try {
    return await fetchInto(options, left ?? createPartCheck(options.entry.parts));
  } catch (error) {
    // What was left may have been of another export: only then is a second try worth it.
    if (!(error instanceof FileMismatch) || left === undefined) throw asFailure(error, options.file);
  }
  try {
    return await fetchInto(options, createPartCheck(options.entry.parts));
  } catch (error) {
    throw asFailure(error, options.file);
  }
}

/** Reads what an earlier run has left. @returns `undefined` when there is nothing that could be gone on from. */
async function checkLeft({ file, entry }: DownloadOptions): Promise<PartCheck | undefined> {
  const bytes = await partialBytes(file);
  if (bytes === 0 || bytes > entry.bytes) return undefined;
  const check = createPartCheck(entry.parts);
  try {
    for await (const chunk of createReadStream(file + PARTIAL)) check.update(chunk);
  } catch (error) {
    if (error instanceof FileMismatch) return undefined;
    throw error;
  }
  return check;
}

async function fetchInto(options: DownloadOptions, check: PartCheck): Promise<number> {
  const { entry, open, file, opening, retryMs, signal, onProgress } = options;
  const offset = check.bytes;
  const saved = await createSavedFile(file, offset > 0);
  let written = offset;
  try {
    const stored = resuming(open, { offset, bytesTotal: entry.bytes, retryMs, signal });
    for await (const chunk of openContent(checked(stored, check, onProgress), entry.compression, opening)) {
      await saved.write(chunk);
      written += chunk.length;
    }
    check.end();
    await saved.finish();
    return written;
  } catch (error) {
    const resumable = opening.identity === undefined && !opening.decompress && !(error instanceof FileMismatch);
    await saved.abandon(resumable && written > 0);
    throw error;
  }
}

async function* checked(source: AsyncIterable<Uint8Array>, check: PartCheck, onProgress: (bytes: number) => void) {
  for await (const chunk of source) {
    check.update(chunk);
    onProgress(check.bytes);
    yield chunk;
  }
}

function asFailure(error: unknown, file: string): unknown {
  if (!(error instanceof FileMismatch)) return error;
  return new CliFailure(EXIT.failed, `${error.message} Nothing was saved as "${file}".`, {
    code: 'object_damaged',
    lines: ['Download it again; if that does not help, resubmit the export.'],
    cause: error,
  });
}
