/** Bytes that grow; numbers are little-endian. */
export interface ByteWriter {
  byte(value: number): void;
  int32(...values: readonly number[]): void;
  int64(value: number): void;
  double(...values: readonly number[]): void;
  /** UTF-8. @param bytes that it takes: padded with blanks, never cut. @default as many as it has */
  text(text: string, bytes?: number): void;
  raw(bytes: Uint8Array): void;
  /** Zeros, so that the bytes from `start` on are a multiple of so many. */
  pad(start: number, multiple: number): void;
  readonly length: number;
  /** All that was written; valid until more is. */
  readonly bytes: Uint8Array;
}

export function createByteWriter(): ByteWriter {
  let buffer = Buffer.alloc(1024);
  let length = 0;

  /** @returns where so many new bytes begin */
  function take(bytes: number): number {
    if (length + bytes > buffer.length) {
      const larger = Buffer.alloc(2 * (length + bytes));
      buffer.copy(larger, 0, 0, length);
      buffer = larger;
    }
    length += bytes;
    return length - bytes;
  }

  return {
    byte(value) {
      const at = take(1);
      buffer[at] = value;
    },
    int32(...values) {
      for (const value of values) {
        const at = take(4);
        buffer.writeInt32LE(value, at);
      }
    },
    int64(value) {
      const at = take(8);
      buffer.writeBigInt64LE(BigInt(value), at);
    },
    double(...values) {
      for (const value of values) {
        const at = take(8);
        buffer.writeDoubleLE(value, at);
      }
    },
    text(text, bytes = Buffer.byteLength(text)) {
      const encoded = Buffer.from(text);
      if (encoded.length > bytes) throw new Error(`A text of ${encoded.length} bytes does not fit into ${bytes}.`);
      const at = take(bytes);
      encoded.copy(buffer, at);
      buffer.fill(0x20, at + encoded.length, at + bytes);
    },
    raw(bytes) {
      const at = take(bytes.length);
      buffer.set(bytes, at);
    },
    pad(start, multiple) {
      const over = (length - start) % multiple;
      if (over > 0) take(multiple - over);
    },
    get length() {
      return length;
    },
    get bytes() {
      return buffer.subarray(0, length);
    },
  };
}
