/** @returns the name as a quoted identifier of DuckDB's SQL. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** @returns the text as a string literal of DuckDB's SQL, for places that take no bound parameter (options, paths) */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
