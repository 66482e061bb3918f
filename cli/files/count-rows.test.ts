import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createJsonLinesCounter, createLineCounter } from './count.ts';

function countCsv(text: string, cuts: readonly number[] = []): number {
  const count = createLineCounter({ header: false, bom: false });
  const bytes = Buffer.from(text);
  const places = [...cuts].map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b);
  let from = 0;
  for (const to of [...places, bytes.length]) {
    count.update(bytes.subarray(from, to));
    from = to;
  }
  return count.rows;
}

describe('records of CSV', () => {
  test.each([
    ['', 0],
    ['a', 1],
    ['a\n', 1],
    ['a\nb', 2],
    ['\n', 1],
    ['\n\n', 2],
    ['"a\nb"\n', 1],
    ['"a""\n""b",c\n', 1],
    ['"",""\n', 1],
    ['""""\n""""\n', 2],
    ['"\n"', 1],
    ['"open\n', 1],
    ['a,"b\r\nc"\r\nd\r\n', 2],
  ])('%j has %d', (text, records) => {
    expect(countCsv(text)).toBe(records);
  });

  test('are counted wherever the stream is cut', () => {
    const field = fc.string({ unit: fc.constantFrom('a', '"', '\n', ',', 'é', '\r') });
    const quoted = (text: string) => (/["\n\r,]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    fc.assert(
      fc.property(fc.array(fc.array(field, { minLength: 1 })), fc.array(fc.nat()), (rows, cuts) => {
        const text = rows.map((row) => `${row.map(quoted).join(',')}\n`).join('');
        expect(countCsv(text, cuts)).toBe(rows.length);
      }),
      { numRuns: 500 },
    );
  });
});

function countLines(pieces: readonly (string | Uint8Array)[]) {
  const count = createJsonLinesCounter();
  for (const piece of pieces) count.update(Buffer.from(piece as string));
  return [count.rows, count.problem];
}

describe('records of JSONL', () => {
  test.each([
    [[], 0],
    [['{"a":"', 'x"}', '\n', '{"b":"\\"', '"}\n{}'], 3],
    [['{"é', '":1e400,"n":[1.10,null]}', '\n'], 1],
    [['{"a":1} \r\n'], 1],
  ])('%j are %d', (pieces, rows) => {
    expect(countLines(pieces)).toEqual([rows, undefined]);
  });

  test.each([
    [['{"v":[1.5,NaN]}\n'], 1, 1],
    [['{}\n{"v":-Infinity}\n{}\n'], 3, 2],
    [['{}\n\n{}\n'], 3, 2],
    [['{}\n{"v":', '1'], 2, 2],
    [['[1]\n'], 1, 1],
    [['null\n'], 1, 1],
    [['{"a":1,}\n'], 1, 1],
    [[Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d, 0x0a])], 1, 1],
    [['\ufeff{}\n'], 1, 1],
  ])('%j are not all JSON objects', (pieces, rows, line) => {
    expect(countLines(pieces)).toEqual([rows, `is not JSON in line ${line}`]);
  });
});
