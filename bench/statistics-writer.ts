import { type FileHandle, open } from 'node:fs/promises';
import { loadCatalog } from '../config/catalog.ts';
import { createLogger } from '../config/logger.ts';
import type { Instant } from '../contracts/instant.ts';
import { CSV_DEFAULTS, type FileOrder } from '../contracts/order.ts';
import { encodeDta } from '../formats/dta.ts';
import { encodeSav } from '../formats/sav.ts';
import type { Chunk, Table } from '../formats/table.ts';
import { createWarehouse } from '../stores/warehouse/duckdb.ts';
import { INTERVIEWS_CATALOG, INTERVIEWS_TENANT } from './interviews.ts';
import { attachSql } from './readings.ts';

export type StatisticsFormat = 'sav' | 'dta';

export interface StatisticsSettings {
  /** Path of a DuckDB file. */
  readonly warehouse: string;
  readonly tempDirectory: string;
}

export interface StatisticsRequest {
  readonly format: StatisticsFormat;
  /** Path of the file. */
  readonly file: string;
}

/** An empty reply means that the process is ready. */
export interface StatisticsReply {
  /** Absent in the first reply. */
  readonly seconds?: number;
  /** Peak of the process until now, in MiB. */
  readonly peak?: number;
  readonly failure?: string;
}

/** The most memory that DuckDB may use, the worker's default. */
const MEMORY = '2GB';

/** A process that writes files for SPSS and Stata from DuckDB's vectors, with the worker's own adapters. */
async function serve({ warehouse: path, tempDirectory }: StatisticsSettings): Promise<void> {
  const [dataset] = (await loadCatalog(INTERVIEWS_CATALOG)).datasets;
  if (!dataset) throw new Error('The catalog is empty.');
  const warehouse = await createWarehouse({
    ...{ startupSql: attachSql(path), directories: [], installExtensions: false },
    ...{ memory: MEMORY, threads: 0, tempDirectory, logger: createLogger('bench', 'error') },
    onInvalid: (failure) => {
      throw failure;
    },
  });
  const { signal } = new AbortController();
  const part = { slice: { from: null, to: null }, snapshotAt: '2026-01-01T00:00:00.000000Z' as Instant };
  const order: FileOrder = {
    ...{ tenant: INTERVIEWS_TENANT, dataset: dataset.name, window: null, parameters: {}, format: 'parquet' },
    ...{ csv: CSV_DEFAULTS, columns: null, compression: 'none', recipients: [] },
  };
  const encode = (format: StatisticsFormat, table: Table, chunks: AsyncIterable<Chunk>) =>
    format === 'sav'
      ? encodeSav(table, chunks, { compression: 'rows' })
      : encodeDta(table, chunks, { directory: tempDirectory });

  async function write({ format, file }: StatisticsRequest): Promise<StatisticsReply> {
    if (!dataset) throw new Error('The catalog is empty.');
    const start = performance.now();
    await using content = warehouse.vectors(dataset, order, part, signal);
    const { bytes } = encode(format, await content.table, content.chunks);
    await using target = await open(file, 'w');
    await writeBeside(bytes, target);
    await content.sum;
    return { seconds: (performance.now() - start) / 1000, peak: process.resourceUsage().maxRSS / 1024 };
  }

  process.on('message', (request: StatisticsRequest) => {
    write(request).then(send, fail);
  });
  process.once('disconnect', () => void warehouse.close().finally(() => process.exit(0)));
  send({});
}

/** Writes each chunk while the next one is made, as an upload does. */
async function writeBeside(chunks: AsyncIterable<Uint8Array>, target: FileHandle): Promise<void> {
  let [buffer, other] = [new Uint8Array(), new Uint8Array()];
  let writing: Promise<unknown> = Promise.resolve();
  for await (const chunk of chunks) {
    if (buffer.length < chunk.length) buffer = new Uint8Array(chunk.length);
    buffer.set(chunk);
    await writing;
    writing = target.write(buffer, 0, chunk.length);
    [buffer, other] = [other, buffer];
  }
  await writing;
}

function send(reply: StatisticsReply): void {
  process.send?.(reply);
}

function fail(error: unknown): void {
  send({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) });
}

process.once('message', (settings: StatisticsSettings) => {
  serve(settings).catch(fail);
});
