import { WaybillError } from '../../../contracts/failures.ts';
import { DownloadError } from './download.ts';
import type { Failure } from './tasks.ts';

/** What the browser says of files, in the reader's words. */
const OF_BROWSER: Readonly<Record<string, string>> = {
  NotFoundError: 'The file has been moved or removed since you chose it. Choose it again.',
  NotReadableError: 'The file cannot be read: it has changed since you chose it, or is not yours. Choose it again.',
  QuotaExceededError: 'There is not enough room on the disk for the content.',
  NotAllowedError: 'The browser does not let this page write there. Choose another place.',
  NoModificationAllowedError: 'Another program or tab has the file open. Close it, or choose another name.',
  InvalidStateError: 'The file that was to be written is gone. Choose a place again.',
};

/** @returns what went wrong, without the key and without any content */
export function failureOf(error: unknown): Failure {
  if (error instanceof WaybillError) {
    if (error.code === 'wrong_key') return { kind: 'wrong key', message: error.message };
    if (error.code === 'object_damaged') return { kind: 'damaged', message: error.message };
  }
  if (error instanceof DownloadError) return { kind: 'other', message: error.message };
  const name = error instanceof Error || error instanceof DOMException ? error.name : '';
  if (name === 'AbortError') return { kind: 'cancelled', message: 'Cancelled. Nothing was saved.' };
  return { kind: 'other', message: OF_BROWSER[name] ?? `The browser could not do it (${name || 'unknown error'}).` };
}
