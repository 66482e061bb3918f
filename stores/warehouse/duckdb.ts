import type { DuckDBConnection } from '@duckdb/node-api';
import type { Dataset } from '../../config/dataset.ts';
import { WaybillError } from '../../contracts/failures.ts';
import { FILE_FORMATS, type FileOrder, isStatisticsFormat, isUncounted } from '../../contracts/order.ts';
import { Bindings } from './bindings.ts';
import { copyContent } from './copy.ts';
import { isInvalidated, toFailure } from './errors.ts';
import { openKeys } from './keys.ts';
import { withAllMemory, withEnoughMemory } from './memory.ts';
import { checkCsvOptions, csvHead, preparePart, tabHead } from './part-query.ts';
import { measurePart, prepareVectors } from './part-vectors.ts';
import { planFiles } from './planning.ts';
import { previewRows } from './preview.ts';
import { rowValues } from './row-format.ts';
import { rowHash, sumRows } from './row-sum.ts';
import { everyRow } from './rows.ts';
import { openSession, type Session, type WarehouseOptions } from './session.ts';
import { describeSource } from './source.ts';
import { orderedColumns } from './source-column.ts';
import { inTransaction } from './transaction.ts';
import { refuseUnreadNumbers } from './unread-numbers.ts';
import { vectorContent } from './vectors.ts';
import type { Warehouse } from './warehouse.ts';
import { areEnormous } from './wide-rows.ts';

/** Attaches the operator's warehouse to a private in-memory DuckDB and locks it down. */
export async function createWarehouse(options: WarehouseOptions): Promise<Warehouse> {
  const session = await openSession(options);
  const closing = new AbortController();
  const running = new Set<Promise<unknown>>();

  function postgresOf(datasets: readonly Dataset[]): readonly string[] {
    return [...new Set(datasets.flatMap(({ sql }) => session.postgres.databasesOf(sql)))];
  }

  /** Runs a query of these datasets on a new connection. */
  async function query<Answer>(
    what: string,
    datasets: readonly Dataset[],
    signal: AbortSignal,
    ask: (connection: DuckDBConnection) => Promise<Answer>,
  ): Promise<Answer> {
    const either = AbortSignal.any([signal, closing.signal]);
    const answer = async () => {
      let connection: DuckDBConnection | undefined;
      try {
        either.throwIfAborted();
        const opened = await session.connect();
        connection = opened;
        const querying = { session, connection, postgres: postgresOf(datasets) };
        return await inTransaction(querying, either, () => ask(opened));
      } catch (error) {
        const failure = failureOf(error, what);
        throw either.aborted ? either.reason : failure;
      } finally {
        connection?.disconnectSync();
      }
    };
    return withEnoughMemory(session.memory, () => tracked(answer()));
  }

  /** Opens the queries of a part. @param needsAll whether DuckDB has all of its memory until their end */
  async function withMemory<Queries extends { end(): void }>(
    needsAll: boolean,
    open: () => Promise<Queries>,
  ): Promise<Queries> {
    if (!needsAll) return open();
    const release = await session.memory.raise();
    try {
      const queries = await open();
      return {
        ...queries,
        end() {
          try {
            queries.end();
          } finally {
            void release();
          }
        },
      };
    } catch (error) {
      await release();
      throw error;
    }
  }

  function tracked<Answer>(answer: Promise<Answer>): Promise<Answer> {
    track(answer);
    return answer;
  }

  function failureOf(error: unknown, what: string): unknown {
    const failure = toFailure(error, what);
    if (isInvalidated(error)) options.onInvalid(failure);
    return failure;
  }

  function track(answer: Promise<unknown>): void {
    const forget = () => {
      running.delete(answer);
      return session.memory.reclaim();
    };
    running.add(answer);
    answer.then(forget, forget);
  }

  return {
    memory: session.memory,

    async plan(files, partRows, signal) {
      for (const { order } of files) if (order.format === 'csv') checkCsvOptions(order.csv);
      const datasets = files.map(({ dataset }) => dataset);
      return query('The datasets', datasets, signal, (connection) => planFiles(session, connection, files, partRows));
    },

    read(dataset, order, part, signal) {
      if (isStatisticsFormat(order.format)) throw new WaybillError('internal', `${order.format} is read as vectors.`);
      if (order.format === 'csv') checkCsvOptions(order.csv);
      const columns = orderedColumns(order, dataset.columns, (column) => column);
      const headers = columns.map(({ header }) => header);
      return copyContent({
        session,
        postgres: postgresOf([dataset]),
        open: async (connection) => {
          const source = await describeSource(session, connection, dataset, order.parameters);
          if (isUncounted(order)) {
            const isCompared = order.rows === 'gone';
            return withMemory(isCompared || source.collects, () =>
              openKeys({ session, connection, dataset, order, source }, part.before),
            );
          }
          const { slice, snapshotAt } = part;
          const reading = { connection, dataset, order, source, snapshotAt, slice };
          return withMemory(source.collects || areEnormous(part.wideBytes), async () => {
            await refuseUnreadNumbers(reading);
            // A second query would make PostgreSQL compute and send the rows twice; in DuckDB it costs less than a tally.
            const tally = source.inPostgres ? session.beginTally(rowHash(source)) : undefined;
            return {
              prepare: (path) =>
                preparePart(connection, { source, dataset, order, cut: part }, path, {
                  keepsOrder: session.keepsOrder,
                  tally,
                }),
              sum: async () => tally?.sum() ?? sumRows(reading),
              end: () => tally?.end(),
            };
          });
        },
        track,
        toFailure: (error) => failureOf(error, `Dataset ${dataset.name}`),
        head: part.first ? headOf(order, headers) : new Uint8Array(),
        signal: AbortSignal.any([signal, closing.signal]),
      });
    },

    vectors(dataset, order, { slice, snapshotAt }, signal) {
      if (isUncounted(order)) throw new WaybillError('internal', `Rows ${order.rows} are not read as vectors.`);
      return vectorContent({
        session,
        postgres: postgresOf([dataset]),
        open: async (connection) => {
          const source = await describeSource(session, connection, dataset, order.parameters);
          const reading = { connection, dataset, order, source, snapshotAt, slice };
          return withMemory(source.collects, async () => {
            await refuseUnreadNumbers(reading);
            const { table, columns } = await measurePart(reading);
            // As in `read`.
            const tally = source.inPostgres ? session.beginTally(rowHash(source)) : undefined;
            const select = await prepareVectors(reading, columns, tally);
            return {
              table,
              select,
              sum: async () => tally?.sum() ?? sumRows(reading),
              end: () => {
                tally?.end();
                select.destroySync();
              },
            };
          });
        },
        track,
        toFailure: (error) => failureOf(error, `Dataset ${dataset.name}`),
        changed: (counted, read) =>
          new WaybillError(
            'source_changed',
            `${dataset.name} changed while it was being exported: ${counted} rows were counted, ${read} were read. Resubmit the export; it will read a new snapshot.`,
          ),
        signal: AbortSignal.any([signal, closing.signal]),
      });
    },

    async preview(dataset, order, signal) {
      return query(`Dataset ${dataset.name}`, [dataset], signal, (connection) =>
        previewRows(session, connection, dataset, order),
      );
    },

    async check(datasets) {
      const problems: string[] = [];
      for (const dataset of datasets) {
        try {
          await query(`Dataset ${dataset.name}`, [dataset], closing.signal, (connection) =>
            checkDataset(session, connection, dataset),
          );
        } catch (error) {
          if (!(error instanceof WaybillError) || error.code !== 'dataset_broken') throw error;
          problems.push(explained(error));
        }
      }
      if (problems.length > 0) throw new WaybillError('dataset_broken', problems.join('\n'));
    },

    async close() {
      closing.abort(new WaybillError('warehouse_unavailable', 'The warehouse was closed.'));
      await Promise.allSettled(running);
      await session.close();
    },
  };
}

function headOf({ format, csv }: Pick<FileOrder, 'format' | 'csv'>, headers: readonly string[]): Uint8Array {
  switch (format) {
    case 'csv':
      return csvHead(headers, csv);
    case 'tab':
      return tabHead(headers);
    default:
      return new Uint8Array();
  }
}

/** DuckDB errors that name tables, columns and functions but quote no values. */
const NAMES_ONLY = /^(?:Binder|Catalog|Parser) Error: /;

/** Adds DuckDB's own message, which the operator needs at start-up. */
function explained(error: WaybillError): string {
  const detail = error.cause instanceof Error ? error.cause.message : '';
  return NAMES_ONLY.test(detail) ? `${error.message} (${detail})` : error.message;
}

/** Describes a dataset, and formats the values of its first row for every format, with all parameters NULL. */
export async function checkDataset(
  session: Pick<Session, 'postgres' | 'anonymizes' | 'memory'>,
  connection: DuckDBConnection,
  dataset: Dataset,
): Promise<void> {
  const source = await describeSource(session, connection, dataset, null);
  const bindings = new Bindings(dataset, null);
  // Formats share most of them.
  const values = new Set(FILE_FORMATS.flatMap((format) => rowValues(source.columns, { format })));
  const select = [...values].join(', ');
  const statement = await connection.prepare(`SELECT ${select} FROM ${everyRow(source)} LIMIT 1`);
  try {
    bindings.bindTo(statement);
    await (source.collects ? withAllMemory(session.memory, () => statement.run()) : statement.run());
  } finally {
    statement.destroySync();
  }
}
