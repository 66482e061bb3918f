/**
 * A buffer that is filled at one end and read at the other without copying. Three positions chase each other: bytes
 * are written, then handed out, then released when the next are asked for.
 */
export class Ring {
  readonly #bytes: Uint8Array;
  readonly #areaBytes: number;
  #writeAt = 0;
  #takeAt = 0;
  #heldAt = 0;
  /** Whether writing has begun again at 0 while bytes before `top` are still held or waiting. */
  #lapped = false;
  #top = 0;

  /**
   * @param bytes size of the buffer; at least twice `areaBytes`
   * @param areaBytes size of the area that each write is given
   */
  constructor(bytes: number, areaBytes: number) {
    if (bytes < 2 * areaBytes) throw new RangeError('A ring needs room for two areas.');
    this.#bytes = new Uint8Array(bytes);
    this.#areaBytes = areaBytes;
  }

  /** Where the next write goes. It follows from what was written alone, so it may be asked for before it {@link isFree}. */
  area(): Uint8Array {
    const from = this.#nextAt();
    return this.#bytes.subarray(from, from + this.#areaBytes);
  }

  /** Whether the area holds nothing that is still wanted. */
  isFree(): boolean {
    const from = this.#nextAt();
    if (from === this.#writeAt) return !this.#lapped || this.#heldAt - from >= this.#areaBytes;
    return !this.#lapped && this.#heldAt >= this.#areaBytes;
  }

  /** Tells that the first `count` bytes of the area were written. */
  commit(count: number): void {
    const from = this.#nextAt();
    if (from !== this.#writeAt) {
      this.#top = this.#writeAt;
      this.#lapped = true;
    }
    this.#writeAt = from + count;
  }

  /** Hands out written bytes and releases those handed out before. @returns `undefined` when there are none. */
  take(): Uint8Array | undefined {
    this.#heldAt = this.#takeAt;
    if (this.#lapped && this.#takeAt === this.#top) {
      this.#lapped = false;
      this.#takeAt = 0;
      this.#heldAt = 0;
    }
    const end = this.#lapped ? this.#top : this.#writeAt;
    if (this.#takeAt === end) return undefined;
    const taken = this.#bytes.subarray(this.#takeAt, end);
    this.#takeAt = end;
    return taken;
  }

  #nextAt(): number {
    return this.#writeAt + this.#areaBytes <= this.#bytes.length ? this.#writeAt : 0;
  }
}
