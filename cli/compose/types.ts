/** How the texts of a column become values of a type, and which texts the type holds exactly. */
export interface Conversion {
  /** DuckDB's name of the type. */
  readonly type: string;
  /** @returns SQL that is true for a text whose value the type holds exactly. @param text SQL of the text, not null */
  isExact(text: string): string;
  /** @returns SQL of the value */
  convert(text: string): string;
}

/** Most digits that DuckDB's DECIMAL has. */
const DECIMAL_DIGITS = 38;

function cast(type: string, pattern?: string): Conversion {
  const matches = (text: string) => (pattern === undefined ? '' : ` AND regexp_full_match(${text}, '${pattern}')`);
  return {
    type,
    isExact: (text) => `TRY_CAST(${text} AS ${type}) IS NOT NULL${matches(text)}`,
    convert: (text) => `CAST(${text} AS ${type})`,
  };
}

const DATE = '[0-9]{4}-[0-9]{2}-[0-9]{2}';
/** More than six digits would be rounded. */
const TIME = '[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?';

const CONVERSIONS: Readonly<Record<string, Conversion>> = {
  boolean: cast('BOOLEAN', 'true|false'),
  // A cast would round fractions.
  integer: cast('BIGINT', '-?[0-9]+'),
  double: cast('DOUBLE'),
  date: cast('DATE', DATE),
  time: cast('TIME', TIME),
  timestamp: cast('TIMESTAMPTZ', `${DATE}T${TIME}Z`),
  uuid: cast('UUID'),
  json: {
    type: 'JSON',
    isExact: (text) => `json_valid(${text})`,
    convert: (text) => `CAST(${text} AS JSON)`,
  },
  binary: {
    type: 'BLOB',
    isExact: (text) => `length(${text}) % 4 = 0 AND regexp_full_match(${text}, '[A-Za-z0-9+/]*={0,2}')`,
    convert: (text) => `from_base64(${text})`,
  },
};

/** Digits that the values of a decimal column need. */
export interface DecimalDigits {
  /** Before the point. */
  readonly whole: number;
  /** After it. */
  readonly fraction: number;
}

/** @returns SQL of two columns, {@link DecimalDigits} of a group of texts. @param text SQL of the text */
export function digitsSql(text: string): readonly [whole: string, fraction: string] {
  const part = (group: number) =>
    `coalesce(max(length(regexp_extract(${text}, '^-?([0-9]+)(?:[.]([0-9]+))?$', ${group}))), 0)`;
  return [part(1), part(2)];
}

/**
 * @param type of the manifest
 * @param digits of a decimal column
 * @returns `undefined`: a text
 */
export function conversionOf(type: string, digits: DecimalDigits | undefined): Conversion | undefined {
  if (type !== 'decimal') return Object.hasOwn(CONVERSIONS, type) ? CONVERSIONS[type] : undefined;
  if (!digits || digits.whole + digits.fraction > DECIMAL_DIGITS) return undefined;
  return cast(`DECIMAL(${DECIMAL_DIGITS}, ${digits.fraction})`, '-?[0-9]+([.][0-9]+)?');
}
