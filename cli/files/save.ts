import { existsSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CliFailure, EXIT, usage } from '../failure.ts';

/** Suffix of a file that is not complete yet. */
export const PARTIAL = '.partial';

/**
 * @param wanted file, or directory in which the file gets its own name
 * @throws CliFailure `usage` if the file exists and may not be replaced
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
  if (!isDirectory(directory)) {
    throw usage(`There is no directory "${directory}".`, 'Create it, or choose another with -o.');
  }
}

export function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

export interface SaveOptions {
  /** Continues the partial file of an interrupted run. */
  readonly append: boolean;
  /** Whether the partial file stays after this error, for a later run to resume from. */
  keepsPartial(error: unknown): boolean;
}

/**
 * Saves a stream to `<file>.partial`; the file gets its name only once it is complete and on disk.
 *
 * @param source each chunk is written before the next one is pulled, and may be reused then
 * @returns count of bytes written
 */
export async function saveWhole(
  source: AsyncIterable<Uint8Array>,
  file: string,
  { append, keepsPartial }: SaveOptions = { append: false, keepsPartial: () => false },
): Promise<number> {
  const partial = file + PARTIAL;
  const handle = await open(partial, append ? 'a' : 'w').catch((cause: unknown) => {
    throw new CliFailure(EXIT.failed, `"${partial}" cannot be written. Choose another place with -o.`, { cause });
  });
  let bytes = 0;
  try {
    for await (const chunk of source) {
      await handle.writeFile(chunk).catch((cause: unknown) => {
        const full = cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC';
        throw new CliFailure(EXIT.failed, full ? 'The disk is full.' : `"${file}" cannot be written.`, { cause });
      });
      bytes += chunk.length;
    }
    await handle.sync();
    await handle.close();
    await rename(partial, file);
    return bytes;
  } catch (error) {
    await handle.close();
    if (!keepsPartial(error)) await rm(partial, { force: true });
    throw error;
  }
}

/**
 * Lets `write` fill a temporary directory, then moves the files into `directory`. When `write` fails, none is moved.
 *
 * @param names of the files that `write` makes
 */
export async function saveTogether(
  directory: string,
  names: readonly string[],
  write: (staging: string) => Promise<void>,
): Promise<void> {
  const staging = await makeStaging(directory);
  try {
    await write(staging);
    for (const name of names) await rename(join(staging, name), join(directory, name));
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

/** @returns size of the partial file of an interrupted run, 0 if there is none */
export async function partialBytes(file: string): Promise<number> {
  try {
    return (await stat(file + PARTIAL)).size;
  } catch {
    return 0;
  }
}
