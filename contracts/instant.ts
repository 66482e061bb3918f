/**
 * A point in time in UTC to the microsecond, always written `YYYY-MM-DDTHH:MM:SS.ffffffZ` (27 characters), so
 * instants compare correctly as strings. JavaScript's `Date` stops at milliseconds and would widen or narrow a window.
 *
 * Source: RFC 3339, with six fraction digits.
 */
export type Instant = string & { readonly __instant: unique symbol };

const ISO_8601 =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([Zz]|[+-]\d{2}(?::?\d{2})?)?)?$/;

/**
 * Reads an ISO 8601 date or date-time with any offset; the default offset is UTC, the default time midnight.
 *
 * @returns the instant, or `undefined` if the text is not one, names a day that does not exist, or has a fraction finer
 *   than a microsecond, which could not be represented exactly
 */
export function parseInstant(text: string): Instant | undefined {
  const match = ISO_8601.exec(text.trim());
  if (!match) return undefined;
  const [, year = '', month = '', day = '', hour = '00', minute = '00', second = '00', fraction = '', offset = 'Z'] =
    match;
  const [y, mo, d, h, mi, s] = [year, month, day, hour, minute, second].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (h > 23 || mi > 59 || s > 59) return undefined;
  if (/[1-9]/.test(fraction.slice(6))) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(y, mo - 1, d);
  date.setUTCHours(h, mi, s);
  if (date.getUTCFullYear() !== y || date.getUTCMonth() !== mo - 1 || date.getUTCDate() !== d) return undefined;
  const offsetMinutes = readOffsetMinutes(offset);
  if (offsetMinutes === undefined) return undefined;
  const utcMs = date.getTime() - offsetMinutes * 60_000;
  return instantFromMicros(BigInt(utcMs) * 1000n + BigInt(fraction.slice(0, 6).padEnd(6, '0')));
}

function readOffsetMinutes(offset: string): number | undefined {
  if (offset.toUpperCase() === 'Z') return 0;
  const hours = Number(offset.slice(1, 3));
  const minutes = Number(offset.slice(3).replace(':', '') || '0');
  if (hours > 23 || minutes > 59) return undefined;
  return (offset.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}

/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z, in microseconds since 1970. */
const MICROS_MIN = -62_135_596_800_000_000n;
const MICROS_MAX = 253_402_300_799_999_999n;

/** @param micros microseconds since 1970-01-01T00:00:00Z. @returns `undefined` outside the years 0001 to 9999. */
export function instantFromMicros(micros: bigint): Instant | undefined {
  if (micros < MICROS_MIN || micros > MICROS_MAX) return undefined;
  let ms = micros / 1000n;
  let rest = micros % 1000n;
  if (rest < 0n) {
    ms -= 1n;
    rest += 1000n;
  }
  const iso = new Date(Number(ms)).toISOString();
  return `${iso.slice(0, -1)}${rest.toString().padStart(3, '0')}Z` as Instant;
}

/** @param date a time with millisecond precision; its microseconds are zero */
export function instantFromDate(date: Date): Instant {
  return `${date.toISOString().slice(0, -1)}000Z` as Instant;
}

/** With milliseconds if that is exact (`2012-09-05T11:12:47.000Z`), otherwise with microseconds. */
export function shortInstant(instant: Instant): string {
  return instant.endsWith('000Z') ? `${instant.slice(0, -4)}Z` : instant;
}

/** @returns microseconds since 1970-01-01T00:00:00Z */
export function microsOfInstant(instant: Instant): bigint {
  return BigInt(Date.parse(`${instant.slice(0, 23)}Z`)) * 1000n + BigInt(instant.slice(23, 26));
}
