import fc from 'fast-check';
import { expect, test } from 'vitest';
import { attachment } from './disposition.ts';

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
