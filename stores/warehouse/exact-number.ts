import {
  DuckDBDecimalType,
  DuckDBDecimalValue,
  type DuckDBType,
  type DuckDBValue,
  DuckDBTypeId as Id,
} from '@duckdb/node-api';

/** `digits` / 10^`scale`. */
export interface ExactNumber {
  readonly digits: bigint;
  /** A count of decimals. @minimum 0 */
  readonly scale: number;
}

/** @param text a number as JSON writes it. @throws RangeError if it is none, or longer than any double */
export function exactNumber(text: string): ExactNumber {
  const [, whole = '', fraction = '', exponent = '0'] = /^(-?\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(text) ?? [];
  const scale = fraction.length - Number(exponent);
  if (whole === '' || Math.abs(scale) > 1000) throw new RangeError('not a number');
  const digits = BigInt(whole + fraction);
  return scale >= 0 ? { digits, scale } : { digits: digits * 10n ** BigInt(-scale), scale: 0 };
}

/** Values of a type of whole or decimal numbers, as multiples of 10^-`scale`. */
export interface NumberRange {
  readonly scale: number;
  readonly min: bigint;
  readonly max: bigint;
  /** @param digits from `min` to `max` */
  readonly valueFor: (digits: bigint) => DuckDBValue;
}

/** Bits of integers that are bound as JavaScript's numbers. */
const NUMBER_BITS_MAX = 32;

/** @returns `undefined` for other types, and for integers of any length */
export function numberRange(type: DuckDBType): NumberRange | undefined {
  if (type instanceof DuckDBDecimalType) {
    const { width, scale } = type;
    const max = 10n ** BigInt(width) - 1n;
    return { scale, min: -max, max, valueFor: (digits) => new DuckDBDecimalValue(digits, width, scale) };
  }
  const bits = BITS[type.typeId];
  if (bits === undefined) return undefined;
  const isSigned = bits < 0;
  const count = BigInt(Math.abs(bits));
  const max = 2n ** (isSigned ? count - 1n : count) - 1n;
  const valueFor = (digits: bigint) => (count <= NUMBER_BITS_MAX ? Number(digits) : digits);
  return { scale: 0, min: isSigned ? -max - 1n : 0n, max, valueFor };
}

/** Negative: signed. */
const BITS: Partial<Record<Id, number>> = {
  [Id.TINYINT]: -8,
  [Id.SMALLINT]: -16,
  [Id.INTEGER]: -32,
  [Id.BIGINT]: -64,
  [Id.HUGEINT]: -128,
  [Id.UTINYINT]: 8,
  [Id.USMALLINT]: 16,
  [Id.UINTEGER]: 32,
  [Id.UBIGINT]: 64,
  [Id.UHUGEINT]: 128,
};

/** @returns the number as a multiple of 10^-`scale`, rounded down and up: both are equal if it is one */
export function roundTo(scale: number, number: ExactNumber): { readonly down: bigint; readonly up: bigint } {
  const more = scale - number.scale;
  if (more >= 0) {
    const exact = number.digits * 10n ** BigInt(more);
    return { down: exact, up: exact };
  }
  const unit = 10n ** BigInt(-more);
  const rest = ((number.digits % unit) + unit) % unit;
  const down = (number.digits - rest) / unit;
  return { down, up: rest === 0n ? down : down + 1n };
}
