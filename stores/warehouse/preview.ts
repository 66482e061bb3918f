import type { DuckDBConnection } from '@duckdb/node-api';
import type { Dataset } from '../../config/dataset.ts';
import type { FileOrder } from '../../contracts/order.ts';
import { PREVIEW_ROWS_MAX, PREVIEW_VALUE_MAX, type Preview } from '../../contracts/preview.ts';
import { withAllMemory } from './memory.ts';
import { readClock } from './planning.ts';
import { rowValues } from './row-format.ts';
import { type Reading, selectRows } from './row-sum.ts';
import { WHOLE } from './rows.ts';
import type { Session } from './session.ts';
import { describeSource } from './source.ts';
import { orderedColumns } from './source-column.ts';

/** Counts the rows of an order, and reads the first ones by time. The connection is in a transaction. */
export async function previewRows(
  session: Pick<Session, 'postgres' | 'anonymizes' | 'memory'>,
  connection: DuckDBConnection,
  dataset: Dataset,
  order: FileOrder,
): Promise<Preview> {
  const snapshotAt = await readClock(connection);
  const source = await describeSource(session, connection, dataset, order.parameters);
  const reading = { connection, dataset, order, source, snapshotAt, slice: WHOLE };
  const read = () => readFirst(reading);
  return source.collects ? withAllMemory(session.memory, read) : read();
}

async function readFirst(reading: Reading): Promise<Preview> {
  const { dataset, order, source, snapshotAt } = reading;
  const [[count] = []] = await selectRows(reading, () => ({ columns: 'count(*)' }));
  const columns = orderedColumns(order, source.columns, ({ column }) => column);
  const texts = rowValues(columns, { format: 'csv' })
    .map((sql) => `left(CAST(${sql} AS VARCHAR), ${PREVIEW_VALUE_MAX + 1})`)
    .join(', ');
  const orderBy = source.times
    ? ` ORDER BY coalesce(${source.times.flatMap((column) => (column ? [column.sql] : [])).join(', ')})`
    : '';
  const rest = `${orderBy} LIMIT ${PREVIEW_ROWS_MAX}`;
  const rows = await selectRows(reading, () => ({ columns: texts, rest }));
  const described = orderedColumns(order, dataset.columns, (column) => column);
  return {
    snapshotAt,
    rows: Number(count ?? 0),
    columns: described.map(({ header, type }) => ({ header, type })),
    first: rows.map((row) => row.map((value) => (value === null ? null : cut(String(value))))),
  };
}

function cut(text: string): string {
  return text.length > PREVIEW_VALUE_MAX ? `${text.slice(0, PREVIEW_VALUE_MAX)}…`.toWellFormed() : text;
}
