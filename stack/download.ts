import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

/** Milliseconds until the first byte of an answer: a release host that is blocked must not hold up the fallback. */
const ANSWER_MS = 5_000;

/**
 * Downloads a file and checks it.
 *
 * @param sha256 lower-case hex
 * @throws Error when the host does not answer within five seconds, answers with an error, or the file is another one
 */
export async function download(url: string, path: string, sha256: string, signal: AbortSignal): Promise<void> {
  const response = await answer(url, signal);
  if (!response.body) throw new Error(`${url} answered with nothing`);
  const hash = createHash('sha256');
  await pipeline(
    response.body,
    async function* hashed(chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(path),
    { signal },
  );
  const found = hash.digest('hex');
  if (found !== sha256) throw new Error(`${url} has SHA-256 ${found}, not ${sha256}`);
}

/** @returns the body of a small text */
export async function downloadText(url: string, signal: AbortSignal): Promise<string> {
  return (await answer(url, signal)).text();
}

async function answer(url: string, signal: AbortSignal): Promise<Response> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), ANSWER_MS);
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, late.signal]) });
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
    return response;
  } catch (error) {
    signal.throwIfAborted();
    const host = new URL(url).host;
    if (late.signal.aborted) throw new Error(`${host} did not answer within ${ANSWER_MS / 1000} s`, { cause: error });
    throw error instanceof TypeError ? new Error(`${host} cannot be reached`, { cause: error }) : error;
  } finally {
    clearTimeout(timer);
  }
}
