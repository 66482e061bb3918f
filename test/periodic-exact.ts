/** A number with the very digits that stand in the JSON. */
export interface ExactNumber {
  readonly number: string;
}

/** Parses JSON without losing a digit: numbers become {@link ExactNumber}. */
export function parseExact(json: string): unknown {
  return JSON.parse(json, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' ? { number: context?.source ?? '' } : value,
  );
}

/**
 * What the typed JSON should hold for a text of the CSV, by the type that the catalog gives the column.
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

/** DuckDB writes a decimal without whole digits as `.50`, which JSON does not have. */
function exactNumber(text: string): ExactNumber {
  return { number: text.replace(/^(-?)\./, '$10.') };
}
