import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import type { ManifestPart } from '../../contracts/manifest.ts';
import type { Compression } from '../../contracts/order.ts';
import { CliFailure, EXIT } from '../failure.ts';
import type { ShowTransfer } from '../screen/progress.ts';
import { type Opening, openContent } from './opening.ts';
import { type RequestFile, receive } from './receive.ts';
import { PARTIAL, partialBytes, saveWhole } from './save.ts';

type Part = Pick<ManifestPart, 'name' | 'bytes' | 'sha256'>;

/** A file on the server. */
export interface RemoteFile {
  /** Its parts in the manifest; `undefined`: the server builds it per request, so it is neither checked nor resumed. */
  readonly parts: readonly Part[] | undefined;
  readonly compression: Compression;
  /** Whether the server answers range requests, so that a later run can resume the download. */
  readonly ranges: boolean;
  readonly request: RequestFile;
}

export interface FetchOptions {
  readonly file: string;
  readonly opening: Opening;
  /** Milliseconds between a lost connection and the next attempt. */
  readonly retryMs: number;
  readonly signal: AbortSignal;
  /** Receives the count of bytes downloaded so far, including those of an interrupted run, and the size if known. */
  readonly onProgress: ShowTransfer;
}

/**
 * Downloads a file and opens it in transit if asked to. The file gets its name only after the sizes and hashes of all
 * parts have been checked against the manifest.
 *
 * A file saved as stored resumes from the partial file of an interrupted run; one opened in transit starts over.
 *
 * @returns count of bytes written to the file
 * @throws CliFailure `object_damaged` if the file does not match its manifest, `interrupted` on Ctrl-C
 */
export async function fetchFile(remote: RemoteFile, options: FetchOptions): Promise<number> {
  const { file, opening, signal } = options;
  const resumable = remote.ranges && opening.identity === undefined && !opening.decompress;
  const partial = resumable ? await checkPartial(remote, file) : undefined;
  try {
    try {
      return await download(remote, options, partial ?? createPartCheck(remote.parts), resumable);
    } catch (error) {
      // The partial file may belong to another export: only then is a second attempt useful.
      if (!(error instanceof FileMismatch) || partial === undefined) throw error;
    }
    return await download(remote, options, createPartCheck(remote.parts), resumable);
  } catch (error) {
    if (signal.aborted) {
      const partialKept = (await partialBytes(file)) > 0;
      throw new CliFailure(EXIT.interrupted, 'The download was stopped.', {
        lines: [partialKept ? `The same command resumes from "${file}${PARTIAL}".` : 'Nothing was saved.'],
      });
    }
    if (!(error instanceof FileMismatch)) throw error;
    throw new CliFailure(EXIT.failed, `"${basename(file)}" is not what the manifest says. Nothing was saved.`, {
      code: 'object_damaged',
      lines: [error.message, 'Download it again. If that does not help, contact the operator of Waybill.'],
      cause: error,
    });
  }
}

/** Checks the partial file of an interrupted run. @returns `undefined` if there is nothing to resume from */
async function checkPartial({ parts = [] }: RemoteFile, file: string): Promise<PartCheck | undefined> {
  const bytes = await partialBytes(file);
  if (bytes === 0 || bytes > sizeOf(parts)) return undefined;
  const check = createPartCheck(parts);
  try {
    for await (const chunk of createReadStream(file + PARTIAL)) check.update(chunk);
  } catch (error) {
    if (error instanceof FileMismatch) return undefined;
    throw error;
  }
  return check;
}

async function download(
  { parts, compression, ranges, request }: RemoteFile,
  { file, opening, retryMs, signal, onProgress }: FetchOptions,
  check: PartCheck,
  resumable: boolean,
): Promise<number> {
  const offset = check.bytes;
  const bytesTotal = parts === undefined ? null : sizeOf(parts);

  async function* checked() {
    for await (const chunk of receive({ request, offset, bytesTotal, ranges, retryMs, signal })) {
      check.update(chunk);
      onProgress(check.bytes, bytesTotal);
      yield chunk;
    }
  }
  let written = offset;
  async function* opened() {
    for await (const chunk of openContent(checked(), compression, opening)) {
      yield chunk;
      written += chunk.length;
    }
    check.end();
  }
  const keepsPartial = (error: unknown) => resumable && written > 0 && !(error instanceof FileMismatch);
  await saveWhole(opened(), file, { append: offset > 0, keepsPartial });
  return written;
}

function sizeOf(parts: readonly Part[]): number {
  return parts.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** A file does not match its manifest. */
export class FileMismatch extends Error {
  override readonly name = 'FileMismatch';
}

/** Checks the bytes of a file, in order and in chunks of any size, against its parts. */
export interface PartCheck {
  /** @throws FileMismatch as soon as the hash of a complete part differs, or there are too many bytes */
  update(chunk: Uint8Array): void;
  /** Count of bytes checked so far. */
  readonly bytes: number;
  /** @throws FileMismatch if bytes are missing */
  end(): void;
}

/** @param parts `undefined`: counts the bytes, and accepts any */
export function createPartCheck(parts: readonly Part[] | undefined): PartCheck {
  let index = 0;
  let bytes = 0;
  let bytesOfPart = 0;
  let hash: Hash = createHash('sha256');

  /** Empty parts are complete without a byte, so this also runs before the first one. */
  function closeCompleteParts(): void {
    for (let part = parts?.[index]; part !== undefined && bytesOfPart === part.bytes; part = parts?.[index]) {
      if (hash.digest('hex') !== part.sha256) {
        throw new FileMismatch(`Part ${part.name} has another SHA-256 than in the manifest.`);
      }
      index += 1;
      bytesOfPart = 0;
      hash = createHash('sha256');
    }
  }

  return {
    update(chunk) {
      if (parts === undefined) {
        bytes += chunk.length;
        return;
      }
      let rest = chunk;
      closeCompleteParts();
      while (rest.length > 0) {
        const part = parts[index];
        if (part === undefined) throw new FileMismatch('The file is longer than the manifest says.');
        const piece = rest.subarray(0, part.bytes - bytesOfPart);
        hash.update(piece);
        bytes += piece.length;
        bytesOfPart += piece.length;
        rest = rest.subarray(piece.length);
        closeCompleteParts();
      }
    },
    get bytes() {
      return bytes;
    },
    end() {
      closeCompleteParts();
      if (parts !== undefined && index < parts.length) {
        throw new FileMismatch('The file is shorter than the manifest says.');
      }
    },
  };
}
