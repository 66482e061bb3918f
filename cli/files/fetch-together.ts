import { existsSync } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CliFailure, EXIT } from '../failure.ts';
import type { ShowTransfer } from '../screen/progress.ts';
import { type FetchOptions, fetchFile, type RemoteFile } from './fetch.ts';

/** One of several files that belong together. */
export interface FileOfSeveral {
  /** Of the saved file; unique. */
  readonly name: string;
  /** Count of bytes on the server. */
  readonly bytes: number;
  readonly remote: RemoteFile;
}

export interface TogetherOptions extends Omit<FetchOptions, 'file' | 'onProgress'> {
  readonly directory: string;
  /** Names what the files belong to: a later run for the same resumes. */
  readonly id: string;
  /** Files that are downloaded at once. @minimum 1 */
  readonly parallel: number;
  readonly onProgress: ShowTransfer;
}

/**
 * Downloads several files at once. They get their places in the directory together, after the last of them is checked; until
 * then they are in a hidden directory in it, from which a later run for the same id resumes.
 *
 * @returns count of bytes of all files, those of an earlier run included
 * @throws CliFailure as {@link fetchFile}; the first failure stops the other downloads
 */
export async function fetchTogether(files: readonly FileOfSeveral[], options: TogetherOptions): Promise<number> {
  const { directory, id, parallel, signal, onProgress, ...rest } = options;
  const staging = join(directory, `.waybill-${id}`);
  await mkdir(staging, { recursive: true }).catch((cause: unknown) => {
    throw new CliFailure(EXIT.failed, `"${directory}" cannot be written. Choose another directory.`, { cause });
  });
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const received = new Map<string, number>();
  const show = (name: string, bytes: number) => {
    received.set(name, bytes);
    onProgress(
      received.values().reduce((sum, one) => sum + one, 0),
      total,
    );
  };
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  let saved = 0;
  const queue = files.values();

  async function work(): Promise<void> {
    for (const { name, bytes, remote } of queue) {
      const file = join(staging, name);
      // It has its name, so an earlier run has checked it.
      if (!existsSync(file)) {
        const onProgress: ShowTransfer = (done) => show(name, done);
        await fetchFile(remote, { ...rest, file, signal: either, onProgress });
      }
      saved += (await stat(file)).size;
      show(name, bytes);
    }
  }
  const workers = Array.from({ length: Math.min(parallel, files.length) }, () =>
    work().catch((error: unknown) => {
      if (!failed.signal.aborted) failed.abort(error);
    }),
  );
  await Promise.all(workers);
  if (signal.aborted) {
    throw new CliFailure(EXIT.interrupted, 'The download was stopped.', {
      lines: [`The same command resumes from "${staging}".`],
    });
  }
  failed.signal.throwIfAborted();
  for (const { name } of files) await rename(join(staging, name), join(directory, name));
  await rm(staging, { recursive: true });
  return saved;
}
