import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { CliFailure, EXIT } from '../failure.ts';

/** Suffix of a file that is not complete yet. */
export const PARTIAL = '.partial';

/** Writes to `<file>.partial`; the file has its name only once it is whole and on the disk. */
export interface SavedFile {
  /** Takes a chunk that may be reused as soon as this resolves. */
  write(chunk: Uint8Array): Promise<void>;
  /** Makes it durable and gives it its name. */
  finish(): Promise<void>;
  /** Gives up. @param keep whether what is there stays, to go on from later. */
  abandon(keep: boolean): Promise<void>;
}

/** @param append goes on at the end of what an earlier run has left. */
export async function createSavedFile(file: string, append: boolean): Promise<SavedFile> {
  const partial = file + PARTIAL;
  const handle = await openPartial(partial, append ? 'a' : 'w');
  return {
    write: (chunk) => writeWhole(handle, chunk, file),
    async finish() {
      await handle.sync();
      await handle.close();
      await rename(partial, file);
    },
    async abandon(keep) {
      await handle.close();
      if (!keep) await rm(partial, { force: true });
    },
  };
}

/**
 * Saves a stream that cannot be gone on with: the file has its name only once it is whole.
 *
 * @returns a count of bytes written to the file
 */
export async function saveWhole(source: AsyncIterable<Uint8Array>, file: string): Promise<number> {
  const saved = await createSavedFile(file, false);
  let bytes = 0;
  try {
    for await (const chunk of source) {
      await saved.write(chunk);
      bytes += chunk.length;
    }
    await saved.finish();
    return bytes;
  } catch (error) {
    await saved.abandon(false);
    throw error;
  }
}

/** @returns size of what an earlier run has left, 0 when there is nothing. */
export async function partialBytes(file: string): Promise<number> {
  try {
    return (await stat(file + PARTIAL)).size;
  } catch {
    return 0;
  }
}

async function openPartial(partial: string, flags: string): Promise<FileHandle> {
  try {
    return await open(partial, flags);
  } catch (cause) {
    throw new CliFailure(EXIT.failed, `"${partial}" cannot be written. Choose another place with -o.`, { cause });
  }
}

async function writeWhole(handle: FileHandle, chunk: Uint8Array, file: string): Promise<void> {
  let rest = chunk;
  while (rest.length > 0) {
    try {
      const { bytesWritten } = await handle.write(rest);
      rest = rest.subarray(bytesWritten);
    } catch (cause) {
      const full = cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC';
      throw new CliFailure(EXIT.failed, full ? 'The disk is full.' : `"${file}" cannot be written.`, { cause });
    }
  }
}
