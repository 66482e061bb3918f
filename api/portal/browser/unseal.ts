import { openHeader } from '../../../streams/age/header.ts';
import { contentBytes } from '../../../streams/age/layout.ts';
import { readStart, resume } from '../../../streams/age/start.ts';
import { bestCipher, openChunks, payloadKey } from './chunks.ts';

/**
 * Opens an age v1 file as `unseal` of `streams/age/payload.ts` does, with the cryptography that browsers have.
 *
 * @param bytes size of the sealed file, if it is known: a size that no whole file has is refused at once
 * @param key text of a key file
 * @throws WaybillError `wrong_key` before anything is yielded, `object_damaged`
 */
export async function* unsealInBrowser(
  source: AsyncIterable<Uint8Array>,
  bytes: number | undefined,
  key: string,
): AsyncGenerator<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]();
  try {
    const { header, salt, rest } = await readStart(chunks);
    const fileKey = await openHeader(header, key);
    if (bytes !== undefined) contentBytes(header.length, bytes);
    const cipher = await bestCipher(await payloadKey(fileKey, salt));
    yield* openChunks(resume(rest, chunks), cipher);
  } finally {
    await chunks.return?.();
  }
}

/** Finds out whether a key opens a file, by its start and its size. @throws as {@link unsealInBrowser} */
export async function checkKey(file: Blob, key: string): Promise<void> {
  const chunks = read(file.stream());
  try {
    const { header } = await readStart(chunks);
    await openHeader(header, key);
    contentBytes(header.length, file.size);
  } finally {
    await chunks.return(undefined);
  }
}

/** Reads a stream, which not every browser can iterate over. It is cancelled when the reader stops early. */
export async function* read(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  let isOver = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      isOver = done;
      if (done) return;
      yield value;
    }
  } catch (error) {
    isOver = true;
    throw error;
  } finally {
    if (!isOver) await reader.cancel();
  }
}
