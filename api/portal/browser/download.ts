import { read } from './unseal.ts';

/** Tries in a row that bring nothing before a download is given up. */
const TRIES_MAX = 5;
/** Milliseconds before the first of them; each waits twice as long as the one before. */
const WAIT_MS = 500;

/** A download that cannot go on, in words for the reader. */
export class DownloadError extends Error {
  override readonly name = 'DownloadError';
}

/**
 * Downloads a file of this service. A connection that breaks is continued where it broke, as long as the file is the same.
 *
 * @throws DownloadError
 */
export async function* download(address: string, bytes: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  let received = 0;
  let tag: string | null = null;
  let failures = 0;
  for (;;) {
    try {
      const response = await request(address, received, tag, signal);
      tag ??= response.headers.get('ETag');
      if (response.body) {
        for await (const chunk of read(response.body)) {
          received += chunk.length;
          failures = 0;
          yield chunk;
        }
      }
      if (received >= bytes) return;
    } catch (error) {
      if (error instanceof DownloadError || signal.aborted) throw error;
    }
    failures += 1;
    if (failures > TRIES_MAX) {
      throw new DownloadError(
        `The connection broke after ${received} of ${bytes} bytes, and could not be made again. Nothing was saved.`,
      );
    }
    await delay(WAIT_MS * 2 ** (failures - 1), signal);
  }
}

async function request(address: string, from: number, tag: string | null, signal: AbortSignal): Promise<Response> {
  const headers = new Headers();
  if (from > 0) headers.set('Range', `bytes=${from}-`);
  if (from > 0 && tag !== null) headers.set('If-Match', tag);
  const response = await fetch(address, { headers, signal, redirect: 'manual', cache: 'no-store' });
  const expected = from > 0 ? 206 : 200;
  if (response.status === expected) return response;
  await response.body?.cancel();
  if (response.type === 'opaqueredirect') {
    throw new DownloadError('You were logged out. Log in again in another tab, then open the file here.');
  }
  if (response.status === 412 || response.status === 200) {
    throw new DownloadError('The file was replaced while it was downloaded. Open it again.');
  }
  if (response.status === 410 || response.status === 404) {
    throw new DownloadError('The file is gone: it was deleted, or its time is over.');
  }
  if (response.status < 500 && response.status !== 429) {
    throw new DownloadError(`The service refused the download (${response.status}).`);
  }
  throw new TypeError(`answered ${response.status}`);
}

function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
