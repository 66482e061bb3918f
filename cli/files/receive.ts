import { BROKEN_OFF, CliFailure, EXIT } from '../failure.ts';
import { openContent } from './opening.ts';
import { saveWhole } from './save.ts';

/**
 * Saves a stream that cannot be gone on with.
 *
 * @param identity private keys that open it on the way; `undefined`: it is saved as it comes
 * @returns a count of bytes written to the file
 */
export function receiveFile(
  source: AsyncIterable<Uint8Array>,
  file: string,
  identity: string | undefined,
): Promise<number> {
  return saveWhole(openContent(source, 'none', { identity, decompress: false }), file);
}

/**
 * The bytes of an answer.
 *
 * @param onBytes told the size of each chunk
 * @throws CliFailure `broken_off` when the connection ends too early; what the signal holds when it was aborted
 */
export async function* bytesOf(
  answer: Response,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  if (answer.body === null) return;
  const chunks = answer.body[Symbol.asyncIterator]();
  try {
    for (let chunk = await next(); chunk !== undefined; chunk = await next()) {
      onBytes(chunk.length);
      yield chunk;
    }
  } finally {
    await chunks.return?.();
  }

  async function next(): Promise<Uint8Array | undefined> {
    try {
      const { done, value } = await chunks.next();
      return done === true ? undefined : value;
    } catch (cause) {
      signal.throwIfAborted();
      throw new CliFailure(EXIT.unreachable, 'The connection broke off before the file was whole.', {
        code: BROKEN_OFF,
        passing: true,
        lines: ['Nothing was saved. Try again.'],
        cause,
      });
    }
  }
}
