import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLineCounter } from './count.ts';

function countCsv(text: string, cuts: readonly number[] = []): number {
  const count = createLineCounter({ quotes: true, header: false, bom: false });
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

test('records of JSONL end at line feeds, quotes or not', () => {
  const count = createLineCounter({ quotes: false, header: false, bom: false });
  for (const piece of ['{"a":"', 'x"}', '\n', '{"b":"\\"', '"}\n{}']) count.update(Buffer.from(piece));
  expect(count.rows).toBe(3);
});
