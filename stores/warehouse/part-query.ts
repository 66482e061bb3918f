import type { DuckDBConnection, DuckDBPreparedStatement } from '@duckdb/node-api';
import type { Dataset } from '../../config/dataset.ts';
import { WaybillError } from '../../contracts/failures.ts';
import type { Instant } from '../../contracts/instant.ts';
import type { CsvOptions, FileOrder } from '../../contracts/order.ts';
import type { PartSlice } from '../../contracts/plan.ts';
import { Bindings } from './bindings.ts';
import { areSorted, collectsUnited, explain } from './operators.ts';
import { rowFormat } from './row-format.ts';
import { rowsQuery } from './row-text.ts';
import { rowsSql } from './rows.ts';
import type { Source } from './source.ts';
import { orderedColumns } from './source-column.ts';
import { literal } from './sql-text.ts';
import type { Tally } from './tally.ts';
import { smallGroups, UNORDERED, unbatched } from './wide-rows.ts';

/** A part of a file. */
interface OrderedPart {
  readonly source: Source;
  readonly dataset: Dataset;
  readonly order: FileOrder;
  /** `wideBytes`: as planned. */
  readonly cut: { readonly slice: PartSlice; readonly snapshotAt: Instant; readonly wideBytes?: number | undefined };
}

/**
 * Prepares and binds the COPY of one part. DuckDB writes neither header nor byte order mark.
 *
 * @param options.keepsOrder whether DuckDB preserves the order of rows
 * @param options.tally sums the rows, if present
 */
export async function preparePart(
  connection: DuckDBConnection,
  { source, dataset, order, cut }: OrderedPart,
  path: string,
  { keepsOrder, tally }: { readonly keepsOrder: boolean; readonly tally?: Tally | undefined },
): Promise<DuckDBPreparedStatement> {
  const columns = orderedColumns(order, source.columns, ({ column }) => column);
  const bindings = new Bindings(dataset, order.parameters);
  const format = rowFormat(columns, order);
  const items = format.items.map((item, index) =>
    tally && index === 0 ? { ...item, sql: tally.through(item.sql) } : item,
  );
  const query = rowsQuery({ ...format, items }, rowsSql(source, order, cut, bindings));
  const copyOf = (rows: string, more = '') =>
    `COPY (${rows}) TO ${literal(path)} (${format.options}${more}, USE_TMP_FILE false)`;

  const isParquet = order.format === 'parquet';
  const inOrder = copyOf(query);
  const oneByOne = unbatched(query, format.line === undefined ? items.length : 1);

  async function copySql(): Promise<string> {
    const { wideBytes } = cut;
    const plan = () => explain(connection, inOrder, bindings);
    if (isParquet && wideBytes !== undefined) {
      const groups = smallGroups(wideBytes);
      return areSorted(await plan()) ? copyOf(oneByOne, groups) : copyOf(query, `${UNORDERED}${groups}`);
    }
    if (!keepsOrder) return inOrder;
    if (wideBytes === undefined && !collectsUnited(await plan())) return inOrder;
    return isParquet ? copyOf(query, UNORDERED) : copyOf(oneByOne);
  }
  const statement = await connection.prepare(await copySql());
  bindings.bindTo(statement);
  return statement;
}

const BYTE_ORDER_MARK = '\uFEFF';

/**
 * The bytes before a CSV file's first row: byte order mark and header, if requested. DuckDB's own header would rename
 * duplicate names.
 */
export function csvHead(headers: readonly string[], csv: CsvOptions): Uint8Array {
  const line = csv.header
    ? `${headers.map((header) => csvValue(header, csv)).join(csv.delimiter)}${csv.crlf ? '\r\n' : '\n'}`
    : '';
  return Buffer.from(`${csv.bom ? BYTE_ORDER_MARK : ''}${line}`, 'utf8');
}

/** The bytes before the first row of tab-separated values. */
export function tabHead(headers: readonly string[]): Uint8Array {
  return Buffer.from(
    `${BYTE_ORDER_MARK}${headers.map((header) => header.replace(/[\t\r\n]/g, ' ')).join('\t')}\r\n`,
    'utf8',
  );
}

/** Quotes by RFC 4180, and also text that would be read as NULL. */
function csvValue(value: string, csv: CsvOptions): string {
  const plain = value !== csv.nullText && !/["\r\n]/.test(value) && !value.includes(csv.delimiter);
  return plain ? value : `"${value.replaceAll('"', '""')}"`;
}

/** @throws WaybillError `invalid_field` for options that make a file ambiguous */
export function checkCsvOptions({ delimiter, nullText }: CsvOptions): void {
  if (!/^[\t -~]$/.test(delimiter) || delimiter === '"') {
    throw new WaybillError('invalid_field', 'delimiter must be one ASCII character other than a quote or line end.', {
      field: 'delimiter',
    });
  }
  if (nullText.includes(delimiter) || /["\r\n]/.test(nullText)) {
    throw new WaybillError('invalid_field', 'nullText must not contain the delimiter, a quote or a line end.', {
      field: 'nullText',
    });
  }
}
