import { existsSync, statSync } from 'node:fs';
import { type FileHandle, mkdir, mkdtemp, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CliFailure, EXIT, usage } from '../failure.ts';

/** Suffix of a file that is not complete yet. */
export const PARTIAL = '.partial';

/**
 * @param wanted file, or directory in which the file gets its own name.
 * @throws CliFailure `usage` when the file exists and may not be replaced.
 */
export function targetFile(wanted: string, name: string, replace: boolean): string {
  const file = isDirectory(wanted) ? join(wanted, name) : wanted;
  if (!replace && existsSync(file)) throw usage(`"${file}" already exists.`, 'Add --force to replace it.');
  return file;
}

/** The same before the name is known, so that an unusable target is refused before a long export begins. */
export function checkTarget(wanted: string, replace: boolean): void {
  if (isDirectory(wanted)) return;
  targetFile(wanted, '', replace);
  const directory = dirname(wanted);
  if (!isDirectory(directory))
    throw usage(`There is no directory "${directory}".`, 'Create it, or choose another with -o.');
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Writes to `<file>.partial`; the file gets its name only once it is complete and on disk. */
export interface SavedFile {
  /** Takes a chunk that may be reused as soon as this resolves. */
  write(chunk: Uint8Array): Promise<void>;
  /** Syncs the file to disk and gives it its name. */
  finish(): Promise<void>;
  /** Gives up. @param keep whether the partial file stays, for a later run to resume from. */
  abandon(keep: boolean): Promise<void>;
}

/** @param append continues the partial file of an interrupted run. */
export async function createSavedFile(file: string, append: boolean): Promise<SavedFile> {
  const partial = file + PARTIAL;
  const handle = await openPartial(partial, append ? 'a' : 'w');
  return {
    write: (chunk) => writeFully(handle, chunk, file),
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
 * Saves a stream; the file gets its name only once it is complete.
 *
 * @returns count of bytes written to the file
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

/**
 * Lets `write` fill a temporary directory, then moves the files into `directory`. When `write` fails, none is moved.
 *
 * @param names of the files that `write` makes
 */
export async function saveTogether<Result>(
  directory: string,
  names: readonly string[],
  write: (staging: string) => Promise<Result>,
): Promise<Result> {
  const staging = await makeStaging(directory);
  try {
    const result = await write(staging);
    for (const name of names) await rename(join(staging, name), join(directory, name));
    return result;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Inside the directory itself, because a rename does not cross file systems. */
async function makeStaging(directory: string): Promise<string> {
  try {
    await mkdir(directory, { recursive: true });
    return await mkdtemp(join(directory, '.waybill-'));
  } catch (cause) {
    throw new CliFailure(EXIT.failed, `"${directory}" cannot be written. Choose another directory.`, { cause });
  }
}

/** @returns size of the partial file of an interrupted run, 0 when there is none. */
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

async function writeFully(handle: FileHandle, chunk: Uint8Array, file: string): Promise<void> {
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
