import { type ZipEntry, zip } from '../../streams/zip.ts';

/** Reads the first chunk of the first file before it yields, so that an early failure can still be a problem response. */
export async function* zipAfterFirstChunk(
  entries: readonly ZipEntry[],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const [first, ...rest] = entries;
  if (!first) return;
  const content = first.open()[Symbol.asyncIterator]();
  try {
    const start = await content.next();
    const open = async function* () {
      for (let next = start; !next.done; next = await content.next()) yield next.value;
    };
    yield* zip([{ ...first, open }, ...rest], signal);
  } finally {
    await content.return?.();
  }
}
