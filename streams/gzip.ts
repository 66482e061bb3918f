import { crc32 } from 'node:zlib';

/*
 * What surrounds the deflate blocks of one gzip member. Specification: RFC 1952, section 2.3.
 */

/** Of a member made by the fastest algorithm on Unix, without name and time. */
export const GZIP_HEADER: Uint8Array = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 3);

/** Sums the content of one member. */
export class GzipSum {
  #checksum = 0;
  #bytes = 0;

  add(content: Uint8Array): void {
    this.#checksum = crc32(content, this.#checksum);
    this.#bytes += content.length;
  }

  /** @returns the member's last 8 bytes */
  trailer(): Uint8Array {
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.#checksum, 0);
    trailer.writeUInt32LE(this.#bytes % 2 ** 32, 4);
    return trailer;
  }
}
