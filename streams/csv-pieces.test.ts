import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvPieces, joinCsvPieces } from './csv-pieces.ts';

/** Feeds bytes in chunks of these sizes, over and over, each in memory that is overwritten once the next one is requested. */
async function* chunked(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const chunk = Buffer.from(bytes.subarray(at, at + (sizes[turn % sizes.length] ?? 1)));
    at += chunk.length;
    yield chunk;
    chunk.fill('"');
  }
}

async function piecesOf(csv: string, rowsMax: number, sizes: readonly number[] = [7]): Promise<readonly string[]> {
  const pieces: string[] = [];
  for await (const piece of csvPieces(chunked(Buffer.from(csv), sizes), rowsMax)) {
    const copies: Buffer[] = [];
    for await (const chunk of piece) copies.push(Buffer.from(chunk));
    pieces.push(Buffer.concat(copies).toString());
  }
  return pieces;
}

async function join(pieces: readonly string[], sizes: readonly number[] = [7]): Promise<string> {
  const copies: Buffer[] = [];
  const sources = pieces.map((piece) => chunked(Buffer.from(piece), sizes));
  for await (const chunk of joinCsvPieces(sources)) copies.push(Buffer.from(chunk));
  return Buffer.concat(copies).toString();
}

const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
/** Texts with all that may be mistaken for the end of a row. */
const value = fc.string({ unit: fc.constantFrom('a', 'é', ',', '"', '\n', '\r\n', '\n"', '""') }).map(quoted);
const record = fc.tuple(value, fc.oneof(value, fc.constantFrom('', '7', 'plain'))).map((values) => values.join(','));

describe('pieces of CSV', () => {
  it.each([
    ['no row', 'a,b\n', 2, ['a,b\n']],
    ['nothing at all', '', 2, ['']],
    ['one row less', 'a\n1\n', 2, ['a\n1\n']],
    ['exactly a piece', 'a\n1\n2\n', 2, ['a\n1\n2\n']],
    ['one row more', 'a\n1\n2\n3\n', 2, ['a\n1\n2\n', 'a\n3\n']],
    ['a last row without a line end', 'a\n1\n2\n3', 2, ['a\n1\n2\n', 'a\n3']],
    ['a line break in the header', '"a\nb"\n1\n2\n', 1, ['"a\nb"\n1\n', '"a\nb"\n2\n']],
    ['a byte order mark', '\uFEFFa\n1\n2\n', 1, ['\uFEFFa\n1\n', '\uFEFFa\n2\n']],
    ['empty rows', 'a\n\n\n', 1, ['a\n\n', 'a\n\n']],
  ])('are right for %s', async (_, csv, rowsMax, expected) => {
    for (const size of [1, 2, 3, 1000]) expect(await piecesOf(csv, rowsMax, [size])).toEqual(expected);
  });

  it('without their headers are the file, and each has as many rows as it may', async () => {
    await fc.assert(
      fc.asyncProperty(
        record,
        fc.array(record, { maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
        async (header, records, rowsMax, sizes) => {
          const head = `${header}\n`;
          const pieces = await piecesOf(`${head}${records.map((line) => `${line}\n`).join('')}`, rowsMax, sizes);
          const expected = Array.from({ length: Math.max(1, Math.ceil(records.length / rowsMax)) }, (_, place) =>
            [head, ...records.slice(place * rowsMax, (place + 1) * rowsMax).map((line) => `${line}\n`)].join(''),
          );
          expect(pieces).toEqual(expected);
        },
      ),
    );
  });
});

describe('joined pieces', () => {
  it('are the file that was split', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        async (lines, rowsMax, sizes, ends) => {
          const csv = `${lines.join('\n')}${ends ? '\n' : ''}`;
          expect(await join(await piecesOf(csv, rowsMax, sizes), sizes)).toBe(csv);
        },
      ),
    );
  });

  it.each([
    ['another header', ['a,b\n1,2\n', 'a,c\n3,4\n'], 1, 'begins with another header'],
    ['a shorter header', ['a,b\n1,2\n', 'a'], 1, 'begins with another header'],
    ['no header at all', ['a,b\n1,2\n', ''], 1, 'begins with another header'],
    ['no rows', ['a\n1\n', 'a\n', 'a\n2\n'], 1, 'has no rows'],
    ['half a row', ['a\n1', 'a\n2\n'], 0, 'ends inside a row'],
    ['a row that goes on', ['a\n"1\n', 'a\n2"\n'], 0, 'ends inside a row'],
    ['half a header', ['a,b', 'a,b1\n'], 0, 'ends inside a row'],
  ])('are refused for %s', async (_, pieces, place, message) => {
    for (const size of [1, 2, 1000]) {
      await expect(join(pieces, [size])).rejects.toThrow(
        expect.objectContaining({ place, message: expect.stringContaining(message) }),
      );
    }
  });
});
