import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instantFromDate, instantFromMicros, parseInstant, shortInstant } from './instant.ts';

describe('parseInstant', () => {
  it.each([
    ['2012-09-05T11:12:47.000Z', '2012-09-05T11:12:47.000000Z'],
    ['2012-09-05T11:12:47.000+00:00', '2012-09-05T11:12:47.000000Z'],
    ['2012-09-05T11:12:47+0200', '2012-09-05T09:12:47.000000Z'],
    ['2012-09-05T11:12:47-05', '2012-09-05T16:12:47.000000Z'],
    ['2012-09-05 11:12:47.123456Z', '2012-09-05T11:12:47.123456Z'],
    ['2012-09-05T11:12:47.123456000Z', '2012-09-05T11:12:47.123456Z'],
    ['2012-09-05T11:12:47,5Z', '2012-09-05T11:12:47.500000Z'],
    ['2012-09-05T11:12Z', '2012-09-05T11:12:00.000000Z'],
    ['2012-09-05T11:12:47', '2012-09-05T11:12:47.000000Z'],
    ['2012-09-05', '2012-09-05T00:00:00.000000Z'],
    ['1969-12-31T23:59:59.999999Z', '1969-12-31T23:59:59.999999Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000000Z'],
    ['9999-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999999Z'],
    ['2024-02-29T00:30:00+01:00', '2024-02-28T23:30:00.000000Z'],
  ])('reads %s', (text, instant) => {
    expect(parseInstant(text)).toBe(instant);
  });

  it.each([
    'yesterday',
    '',
    '2012-13-01',
    '2023-02-29',
    '2012-09-31T00:00:00Z',
    '2012-09-05T24:00:00Z',
    '2012-09-05T11:60:00Z',
    '2012-09-05T11:12:60Z',
    '2012-09-05T11:12:47.1234567Z',
    '2012-09-05T11:12:47+24:00',
    '0001-01-01T00:00:00+01:00',
    '9999-12-31T23:59:59-01:00',
    '12012-09-05',
    '1346843567',
  ])('refuses %j', (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });

  it('reads back what it writes, to the microsecond, over ten thousand years', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n }), (micros) => {
        const instant = instantFromMicros(micros);
        expect(instant).toHaveLength(27);
        expect(parseInstant(String(instant))).toBe(instant);
      }),
    );
  });

  it('keeps the order of instants in the order of their texts', () => {
    const micros = fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n });
    fc.assert(
      fc.property(micros, micros, (a, b) => {
        const [left, right] = [String(instantFromMicros(a)), String(instantFromMicros(b))];
        expect(left < right).toBe(a < b);
      }),
    );
  });
});

describe('shortInstant', () => {
  it.each([
    ['2012-09-05T11:12:47Z', '2012-09-05T11:12:47.000Z'],
    ['2012-09-05T11:12:47.120Z', '2012-09-05T11:12:47.120Z'],
    ['2012-09-05T11:12:47.120001Z', '2012-09-05T11:12:47.120001Z'],
  ])('shortens %s to %s', (text, short) => {
    const instant = parseInstant(text);
    expect(instant && shortInstant(instant)).toBe(short);
  });
});

describe('instantFromDate', () => {
  it('has the milliseconds of the date', () => {
    expect(instantFromDate(new Date('2020-01-02T03:04:05.678Z'))).toBe('2020-01-02T03:04:05.678000Z');
  });
});
