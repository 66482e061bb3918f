import type { Transform } from 'node:stream';

/**
 * Sends a stream through a compressor or decompressor of `node:zlib`. Each chunk is handed over when the one before it has
 * been taken in, so the source may reuse it.
 */
export async function* through(source: AsyncIterable<Uint8Array>, transform: Transform): AsyncGenerator<Uint8Array> {
  const fed = feed(source, transform);
  // The iteration below throws the same error.
  fed.catch(() => undefined);
  try {
    for await (const chunk of transform) yield chunk;
    await fed;
  } finally {
    transform.destroy();
    await Promise.allSettled([fed]);
  }
}

async function feed(source: AsyncIterable<Uint8Array>, transform: Transform): Promise<void> {
  try {
    for await (const chunk of source) await written(transform, chunk);
    transform.end();
  } catch (error) {
    transform.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}

/** Settles also if the transform is destroyed, which does not call back for the chunk that it works on. */
function written(transform: Transform, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const closed = () => reject(transform.errored ?? new Error('the transform was closed'));
    transform.once('close', closed);
    transform.write(chunk, (error) => {
      transform.off('close', closed);
      if (error) reject(error);
      else resolve();
    });
  });
}
