import type { Compression } from '../../contracts/order.ts';
import { unseal } from '../../streams/age/payload.ts';
import { decompress } from '../../streams/decompress.ts';
import type { Opening } from './target.ts';

/**
 * Unseals and decompresses as asked; a chunk is valid only until the next one is asked for.
 *
 * @throws WaybillError `wrong_key` or `object_damaged`
 */
export function openContent(
  stored: AsyncIterable<Uint8Array>,
  compression: Compression,
  opening: Opening,
): AsyncIterable<Uint8Array> {
  const unsealed = opening.identity === undefined ? stored : unseal(stored, opening.identity);
  return opening.decompress && compression !== 'none' ? decompress(unsealed, compression) : unsealed;
}
