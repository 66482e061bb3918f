import type { Dataset } from '../config/dataset.ts';
import type { FileOrder, StatisticsFormat } from '../contracts/order.ts';
import type { RowSum } from '../contracts/plan.ts';
import { encodeDta } from '../formats/dta.ts';
import type { Encode } from '../formats/encoder.ts';
import { encodeSav } from '../formats/sav.ts';
import type { PartContent, Warehouse } from '../stores/warehouse/warehouse.ts';

/** A whole file of a statistics package, and how far it has come. */
export interface StatisticsContent extends PartContent {
  /** Rows that have been read. */
  readonly rows: () => number;
  /** What the file holds otherwise than the warehouse does, a sentence each; known once the file has begun. */
  readonly notes: () => readonly string[];
}

/** @param directory for temporary files. @returns what the warehouse's own formats give; nothing is read until it is asked for */
export function statisticsContent(
  warehouse: Pick<Warehouse, 'vectors'>,
  dataset: Dataset,
  order: FileOrder & { readonly format: StatisticsFormat },
  part: Parameters<Warehouse['vectors']>[2],
  { directory, signal }: { readonly directory: string; readonly signal: AbortSignal },
): StatisticsContent {
  const encode = encoderOf(order.format, directory);
  const sum = Promise.withResolvers<RowSum>();
  let rows = 0;
  let notes: readonly string[] = [];

  async function* file(): AsyncGenerator<Uint8Array> {
    await using content = warehouse.vectors(dataset, order, part, signal);
    content.sum.then(sum.resolve, sum.reject);
    async function* counted() {
      for await (const chunk of content.chunks) {
        rows += chunk.rows;
        yield chunk;
      }
    }
    const encoded = encode(await content.table, counted());
    notes = encoded.notes;
    yield* encoded.bytes;
  }
  return { chunks: file(), sum: sum.promise, rows: () => rows, notes: () => notes };
}

function encoderOf(format: StatisticsFormat, directory: string): Encode {
  switch (format) {
    case 'sav':
      return (table, chunks) => encodeSav(table, chunks, { compression: 'rows' });
    case 'zsav':
      return (table, chunks) => encodeSav(table, chunks, { compression: 'zlib', directory });
    case 'dta':
      return (table, chunks) => encodeDta(table, chunks, { directory });
  }
}
