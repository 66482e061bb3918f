import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { attachment, parseRange } from './download.ts';

describe('ranges', () => {
  test('a range that is read lies within the file, and is the one that was asked for', () => {
    const bound = fc.option(fc.nat({ max: 300 }), { nil: undefined });
    fc.assert(
      fc.property(bound, bound, fc.nat({ max: 200 }), (first, last, size) => {
        const range = parseRange(`bytes=${first ?? ''}-${last ?? ''}`, size);
        const bytes = Array.from({ length: size }, (_, index) => index);
        const wanted =
          first !== undefined
            ? bytes.filter((at) => at >= first && (last === undefined || at <= last))
            : bytes.slice(Math.max(0, size - (last ?? 0)));
        const malformed = first === undefined ? last === undefined : last !== undefined && last < first;
        if (malformed) expect(range).toBeUndefined();
        else if (wanted.length === 0 || (first === undefined && last === 0)) expect(range).toBe('unsatisfiable');
        else expect(range).toEqual({ from: wanted[0], length: wanted.length });
      }),
    );
  });

  test.each([undefined, '', 'bytes', 'bytes=', 'bytes=1', 'bytes=1-2,3-4', 'items=0-1', 'bytes=-1-2'])(
    '%s asks for no range',
    (header) => {
      expect(parseRange(header, 100)).toBeUndefined();
    },
  );

  test('blanks and case do not matter', () => {
    expect(parseRange(' Bytes = 1 - 2 ', 10)).toEqual({ from: 1, length: 2 });
  });

  const HUGE = '9'.repeat(400);

  test.each([
    [`bytes=2-${HUGE}`, { from: 2, length: 8 }],
    [`bytes=-${HUGE}`, { from: 0, length: 10 }],
    [`bytes=${HUGE}-`, 'unsatisfiable'],
    [`bytes=${HUGE}-${HUGE}`, 'unsatisfiable'],
  ])('a number of any length is compared with the size', (header, range) => {
    expect(parseRange(header, 10)).toEqual(range);
  });
});

describe('the name of a download', () => {
  test.each([
    ['flights.csv.zst.age', `attachment; filename="flights.csv.zst.age"; filename*=UTF-8''flights.csv.zst.age`],
    ['a "b".csv', `attachment; filename="a _b_.csv"; filename*=UTF-8''a%20%22b%22.csv`],
    ['größe.csv', `attachment; filename="gr__e.csv"; filename*=UTF-8''gr%C3%B6%C3%9Fe.csv`],
    ["it's(1)*.csv", `attachment; filename="it's(1)*.csv"; filename*=UTF-8''it%27s%281%29%2A.csv`],
  ])('%s', (name, header) => {
    expect(attachment(name)).toBe(header);
  });

  test('any name makes a header value, and its extended form is the name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const header = attachment(name);
        expect(header).toMatch(/^[\x20-\x7e]*$/);
        expect(new Headers({ 'content-disposition': header }).get('content-disposition')).toBe(header);
        expect(decodeURIComponent(header.split("UTF-8''")[1] ?? '')).toBe(name.toWellFormed());
      }),
    );
  });
});
