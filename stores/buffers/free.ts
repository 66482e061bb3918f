/**
 * Releases the memory of some bytes now. Node allocates a buffer for every read and every cipher call; left to the
 * garbage collector they cost a collection of the whole heap in every 64 MiB, more than the reading and deciphering do.
 *
 * Bytes that share their memory are left alone. Node joins small chunks in its buffer pool, and does so only where chunks
 * wait to be read, as those of a network's 1,400-byte segments do; `transfer` throws on the pool's memory.
 *
 * @param bytes not used afterwards, by anybody
 */
export function free({ buffer, byteLength }: Uint8Array): void {
  const isWhole = byteLength > 0 && byteLength === buffer.byteLength;
  if (isWhole && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
