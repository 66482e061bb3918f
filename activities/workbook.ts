import type { Column, Dataset } from '../config/dataset.ts';
import type { Instant } from '../contracts/instant.ts';
import type { FileOrder } from '../contracts/order.ts';
import type { Workbook } from '../streams/xlsx.ts';

/** In characters: as many as the cell format shows. */
const WIDTHS: Partial<Readonly<Record<Column['type'], number>>> = { date: 11, timestamp: 23 };

/**
 * @param rows of the data's sheet
 * @returns the workbook of an order; its second sheet describes the columns
 */
export function workbook(
  dataset: Dataset,
  order: Pick<FileOrder, 'columns' | 'timeZone'>,
  snapshotAt: Instant,
  rows: AsyncIterable<Uint8Array>,
): Workbook {
  const names = order.columns ?? dataset.columns.map(({ name }) => name);
  const columns = names.flatMap((name) => dataset.columns.find((column) => column.name === name) ?? []);
  return {
    columns: columns.map(({ header, type }) => ({ header, ...(WIDTHS[type] && { width: WIDTHS[type] }) })),
    rows,
    description: [
      ['Column', 'Name', 'Type', 'Description', 'Time zone'],
      ...columns.map(({ header, name, type, label }) => {
        return [header, name, type, label ?? '', type === 'timestamp' ? (order.timeZone ?? 'UTC') : ''];
      }),
    ],
    modifiedAt: new Date(snapshotAt),
  };
}
