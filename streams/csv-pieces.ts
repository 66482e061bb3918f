const QUOTE = 0x22;
const LINE_FEED = 0x0a;

/** Counts rows in a stream of CSV. A line break in quotes does not end a row; a doubled quote changes nothing. */
class Scanner {
  #quoted = false;

  /** @returns the offset after the row that ends first at or after `from`; `undefined`: none ends in this chunk */
  rowEnd(chunk: Uint8Array, from: number): number | undefined {
    for (let at = from; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (byte === QUOTE) this.#quoted = !this.#quoted;
      else if (byte === LINE_FEED && !this.#quoted) return at + 1;
    }
    return undefined;
  }
}

/**
 * Splits CSV (RFC 4180, lines end in LF) between rows, in bounded memory: it holds the header and one chunk of the source. Every
 * piece begins with the header, which may follow a byte order mark. Without rows there is one piece, the header.
 *
 * Each piece must be read to its end before the next one is requested. A chunk is valid only until the next one is requested.
 *
 * @param rowsMax of a piece. @minimum 1
 */
export async function* csvPieces(
  source: AsyncIterable<Uint8Array>,
  rowsMax: number,
): AsyncGenerator<AsyncIterable<Uint8Array>> {
  const chunks = source[Symbol.asyncIterator]();
  const scanner = new Scanner();
  let rest: Uint8Array = new Uint8Array();

  /** @returns whether there is more to read */
  async function fill(): Promise<boolean> {
    while (rest.length === 0) {
      const next = await chunks.next();
      if (next.done) return false;
      rest = next.value;
    }
    return true;
  }

  function take(length: number): Uint8Array {
    const taken = rest.subarray(0, length);
    rest = rest.subarray(length);
    return taken;
  }

  /** Reads so many rows, or what is left of them, in slices as long as possible. */
  async function* rows(count: number): AsyncGenerator<Uint8Array> {
    for (let left = count; left > 0 && (await fill()); ) {
      let end = 0;
      while (left > 0 && end < rest.length) {
        const next = scanner.rowEnd(rest, end);
        end = next ?? rest.length;
        if (next !== undefined) left -= 1;
      }
      yield take(end);
    }
  }

  async function* piece(header: Uint8Array): AsyncGenerator<Uint8Array> {
    yield header;
    yield* rows(rowsMax);
  }

  try {
    const parts: Uint8Array[] = [];
    for await (const slice of rows(1)) parts.push(Buffer.from(slice));
    const header = Buffer.concat(parts);
    do yield piece(header);
    while (await fill());
  } finally {
    await chunks.return?.();
  }
}
