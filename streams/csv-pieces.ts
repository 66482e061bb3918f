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

/** A piece that does not fit the others. The message is the rest of a sentence about it. */
export class PieceMismatch extends Error {
  override readonly name = 'PieceMismatch';
  /** Of the piece; counts from 0. */
  readonly place: number;

  constructor(place: number, message: string) {
    super(message);
    this.place = place;
  }
}

/**
 * The inverse of {@link csvPieces}: the header once, then the rows of all pieces. A chunk is valid only until the next one is requested.
 *
 * @throws PieceMismatch if a piece begins with another header than the first one, has no rows or ends inside a row
 */
export async function* joinCsvPieces(pieces: readonly AsyncIterable<Uint8Array>[]): AsyncGenerator<Uint8Array> {
  const header = createHeader();
  for (const [place, piece] of pieces.entries()) {
    let [headerLeft, rowBytes] = [place === 0 ? 0 : header.bytes.length, 0];
    let [quoted, last] = [false, LINE_FEED];
    for await (const chunk of piece) {
      for (let at = chunk.indexOf(QUOTE); at >= 0; at = chunk.indexOf(QUOTE, at + 1)) quoted = !quoted;
      last = chunk.at(-1) ?? last;
      if (place === 0) header.read(chunk);
      const repeated = chunk.subarray(0, headerLeft);
      const from = header.bytes.length - headerLeft;
      if (headerLeft > 0 && !header.bytes.subarray(from, from + repeated.length).equals(repeated)) {
        throw new PieceMismatch(place, 'begins with another header than the first piece');
      }
      headerLeft -= repeated.length;
      const rows = chunk.subarray(repeated.length);
      rowBytes += rows.length;
      if (rows.length > 0) yield rows;
    }
    if (headerLeft > 0) throw new PieceMismatch(place, 'begins with another header than the first piece');
    if (place > 0 && rowBytes === 0) throw new PieceMismatch(place, 'has no rows');
    if (place < pieces.length - 1 && (quoted || last !== LINE_FEED))
      throw new PieceMismatch(place, 'ends inside a row');
  }
}

/** Keeps the first row of a stream. */
function createHeader() {
  const scanner = new Scanner();
  let complete = false;
  let bytes = Buffer.alloc(0);
  return {
    get bytes() {
      return bytes;
    },
    read(chunk: Uint8Array) {
      if (complete) return;
      const end = scanner.rowEnd(chunk, 0);
      bytes = Buffer.concat([bytes, chunk.subarray(0, end)]);
      complete = end !== undefined;
    },
  };
}
