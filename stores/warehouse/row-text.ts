import { identifier } from './sql-text.ts';

export interface SelectItem {
  readonly sql: string;
  /** Only where it is written, or where the line is composed of it. */
  readonly name?: string;
}

/** What is selected of each row. */
export interface SelectedRow {
  /** Items of a select list; never empty. */
  readonly items: readonly SelectItem[];
  /** SQL of the row as one text, of the items by their names; absent: each item is written by itself. */
  readonly line?: string;
}

/** A row as one text. */
export type RowText = Required<SelectedRow>;

function selectList(items: readonly SelectItem[]): string {
  return items.map(({ sql, name }) => (name === undefined ? sql : `${sql} AS ${identifier(name)}`)).join(', ');
}

/**
 * @param from SQL from `FROM` on
 * @returns the query whose result is written. A line names each item several times, so items are computed below it, once.
 */
export function rowsQuery({ items, line }: SelectedRow, from: string): string {
  const values = `SELECT ${selectList(items)} ${from}`;
  return line === undefined ? values : `SELECT ${line} FROM (${values}) AS formatted`;
}
