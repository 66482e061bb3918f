import { createCipheriv, randomBytes } from 'node:crypto';
import { free } from '../buffers/free.ts';
import { blocksOf } from './blocks.ts';
import { sealHeader } from './header.ts';
import { CHUNK_BYTES, CIPHER, payloadKey, SALT_BYTES, SEALED_CHUNK_BYTES, TAG_BYTES, writeNonce } from './stream.ts';

/** A count of sealed chunks that leave at once: 1 MiB. */
const OUTPUT_CHUNKS = 16;

/**
 * Seals a stream to age recipients, as an age v1 file that the stock `age -d` opens. Nothing is yielded before the
 * recipients are known to be good. A yielded chunk is valid only until the next one is asked for.
 *
 * @param recipients at least one, checked by `parseRecipients`
 * @throws WaybillError `invalid_recipient`
 */
export async function* seal(
  source: AsyncIterable<Uint8Array>,
  recipients: readonly string[],
): AsyncGenerator<Uint8Array> {
  const { header, fileKey } = await sealHeader(recipients);
  const salt = randomBytes(SALT_BYTES);
  const key = payloadKey(fileKey, salt);
  yield header;
  yield salt;

  const output = Buffer.allocUnsafeSlow(OUTPUT_CHUNKS * SEALED_CHUNK_BYTES);
  const nonce = Buffer.alloc(12);
  let index = 0;
  let filled = 0;
  for await (const { bytes, last } of blocksOf(source, CHUNK_BYTES)) {
    writeNonce(nonce, index, last);
    const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
    const sealed = cipher.update(bytes);
    output.set(sealed, filled);
    free(sealed);
    cipher.final();
    output.set(cipher.getAuthTag(), filled + bytes.length);
    filled += bytes.length + TAG_BYTES;
    index += 1;
    if (last || filled === output.length) {
      yield output.subarray(0, filled);
      filled = 0;
    }
  }
}
