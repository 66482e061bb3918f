import type { Compression } from '../../contracts/order.ts';
import { decompress } from '../../stores/compression/decompress.ts';
import { unseal } from '../../stores/sealing/unseal.ts';
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
