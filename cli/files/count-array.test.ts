import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createArrayCounter } from './count.ts';

function count(text: string, cuts: readonly number[] = []) {
  const counted = createArrayCounter();
  const bytes = Buffer.from(text);
  const places = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b);
  let from = 0;
  for (const to of [...places, bytes.length]) {
    counted.update(bytes.subarray(from, to));
    from = to;
  }
  const { rows: records, problem } = counted;
  return { records, problem };
}

test.each([
  ['[\n]\n', 0],
  ['[]', 0],
  [' [ { } ] ', 1],
  ['[\n\t{"id":"1"},\n\t{"id":null}\n]\n', 2],
  ['[{"a":"}],[{\\"\\\\"}]', 1],
  ['[{"a":"\\\\"},{"b":":1"}]', 2],
  ['[{"a":-1,"b":{"c":[{}]}},{"a":true}]', 2],
])('%j is whole, with %d objects', (text, records) => {
  expect(count(text)).toEqual({ records, problem: undefined });
});

test.each([
  '',
  '\n',
  '[',
  '[{"a":"1"}',
  '[{"a":"1"},',
  '[{"a":"1"]',
  '[{"a":"1"}]]',
  '[{"a":"1"}][]',
  '[{"a":"1"}],',
  '[{"a":"1"}]x',
  'x[{"a":"1"}]',
  '{"a":"1"}',
  '[["a"]]',
  '["a"]',
  '[1]',
  '[{"a":"1"}}',
  '[{}{}]',
  '[,{}]',
  '[{},]',
  '[{},,{}]',
])('%j is no whole array of objects', (text) => {
  expect(count(text).problem).toBe('is not one whole JSON array');
});

test.each([
  ['[{"v":NaN}]', 1],
  ['[{"a":1},{"a":1,}]', 2],
  ['[{},{"a":[Infinity]},{}]', 2],
])('%j is not JSON in row %d', (text, row) => {
  expect(count(text).problem).toBe(`is not JSON in row ${row}`);
  expect(count(text, [1, 3, 5, 7]).problem).toBe(`is not JSON in row ${row}`);
});

describe('any rows', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '"', '\\', '{', '}', '[', ']', ':', ',', '\n', 'é') });
  const rows = fc.array(fc.dictionary(text, fc.option(text)));
  const written = (all: readonly object[]) => `[\n${all.map((row) => `\t${JSON.stringify(row)}`).join(',\n')}\n]\n`;

  test('are counted wherever they are cut', () => {
    const cut = fc.property(rows, fc.array(fc.nat()), (all, cuts) => {
      expect(count(written(all), cuts)).toEqual({ records: all.length, problem: undefined });
    });
    fc.assert(cut, { numRuns: 500 });
  });

  test('are not whole where the end is missing', () => {
    const ended = fc.property(rows, fc.nat(), (all, end) => {
      const bytes = written(all).trimEnd();
      expect(count(bytes.slice(0, end % bytes.length)).problem).toBe('is not one whole JSON array');
    });
    fc.assert(ended, { numRuns: 500 });
  });
});
