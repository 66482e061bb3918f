/** A number by its value, with every digit: `1.50`, `15e-1` and `1.5` are the same. */
export interface ExactNumber {
  readonly number: string;
}

/** Parses JSON without losing a digit: numbers become {@link ExactNumber}. */
export function parseExact(json: string): unknown {
  return JSON.parse(json, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' ? exactNumber(context?.source ?? '') : value,
  );
}

/**
 * The expected value in typed JSON for a text in CSV, by the column's type in the catalog.
 *
 * @returns a value as {@link parseExact} gives it
 */
export function typedValue(text: string | null, type: string): unknown {
  if (text === null) return null;
  switch (type) {
    case 'integer':
    case 'decimal':
      return exactNumber(text);
    case 'double':
      return /^-?(nan|inf)$/.test(text) ? null : exactNumber(text);
    case 'boolean':
      return text === 'true';
    case 'json':
      return parseExact(text);
    default:
      return text;
  }
}

function exactNumber(text: string): ExactNumber {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i.exec(text) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const short = digits.replace(/0+$/, '');
  if (short === '') return { number: /\d/.test(text) ? '0' : text };
  const power = Number(exponent) - fraction.length + digits.length - short.length;
  return { number: power === 0 ? `${sign}${short}` : `${sign}${short}e${power}` };
}
