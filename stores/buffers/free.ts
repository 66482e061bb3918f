/**
 * Gives the memory of some bytes back now. Node allocates a buffer for every read and every cipher call; left to the
 * garbage collector they cost a collection of the whole heap in every 64 MiB, more than the reading and deciphering do.
 *
 * @param bytes the only view of its memory that is still used; never a small `Buffer`, which shares its memory with others
 */
export function free({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0);
}
