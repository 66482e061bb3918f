import type { DuckDBConnection } from '@duckdb/node-api';
import { identifier, literal } from '../../stores/warehouse/sql-text.ts';
import type { EntityPlan } from './plan.ts';
import { STATE_FROM, textColumn } from './state.ts';
import { type Conversion, conversionOf, digitsSql } from './types.ts';

export const OUTPUT_FORMATS = ['csv', 'parquet', 'duckdb'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** Rows of a group are in memory; a limit in bytes bounds it however wide they are. */
const PARQUET = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE_BYTES '32MB'";

/** What was written of an entity. */
export interface WrittenEntity {
  readonly entity: string;
  readonly rows: number;
  readonly columns: number;
  /** Columns that are texts because their type could not hold every value exactly. */
  readonly textColumns: readonly string[];
}

/** Writes the state of an entity. @param file for `duckdb`, a database to which a table is added */
export async function writeEntity(
  db: DuckDBConnection,
  plan: EntityPlan,
  file: string,
  format: OutputFormat,
): Promise<WrittenEntity> {
  const { entity, columns } = plan;
  const [count] = await firstRow(db, `SELECT count(*) ${STATE_FROM}`);
  const counted = { entity, rows: Number(count), columns: columns.length };
  if (format === 'csv') {
    const items = columns.map(({ header }, place) => `${textColumn(place)} AS ${identifier(header)}`);
    const options = `FORMAT csv, HEADER true, DELIMITER ',', NULLSTR '', QUOTE '"', ESCAPE '"'`;
    await db.run(`COPY (SELECT ${items.join(', ')} ${STATE_FROM}) TO ${literal(file)} (${options})`);
    return { ...counted, textColumns: [] };
  }
  const conversions = await chooseConversions(db, plan);
  const items = columns.map(({ name }, place) => {
    const text = textColumn(place);
    return `${conversions[place]?.convert(text) ?? text} AS ${identifier(name)}`;
  });
  const select = `SELECT ${items.join(', ')} ${STATE_FROM}`;
  if (format === 'parquet') await db.run(`COPY (${select}) TO ${literal(file)} (${PARQUET})`);
  else {
    await db.run(`ATTACH ${literal(file)} AS output`);
    await db.run(`CREATE TABLE output.main.${identifier(entity)} AS ${select}`);
    await db.run('DETACH output');
  }
  const textColumns = columns.filter(({ type }, place) => type !== 'text' && !conversions[place]);
  return { ...counted, textColumns: textColumns.map(({ name }) => name) };
}

/** @returns for each column how it is converted; `undefined`: it stays a text */
async function chooseConversions(
  db: DuckDBConnection,
  { columns }: EntityPlan,
): Promise<readonly (Conversion | undefined)[]> {
  const digits = await firstRow(
    db,
    `SELECT ${columns.flatMap(({ type }, place) => (type === 'decimal' ? digitsSql(textColumn(place)) : ['0', '0'])).join(', ')} ${STATE_FROM}`,
  );
  const wanted = columns.map(({ type }, place) =>
    conversionOf(type, { whole: Number(digits[2 * place]), fraction: Number(digits[2 * place + 1]) }),
  );
  const checks = wanted.map((conversion, place) => {
    const text = textColumn(place);
    return conversion ? `coalesce(bool_and(${text} IS NULL OR (${conversion.isExact(text)})), true)` : 'false';
  });
  const exact = await firstRow(db, `SELECT ${checks.join(', ')} ${STATE_FROM}`);
  return wanted.map((conversion, place) => (exact[place] === true ? conversion : undefined));
}

async function firstRow(db: DuckDBConnection, sql: string): Promise<readonly unknown[]> {
  return (await db.runAndReadAll(sql)).getRows()[0] ?? [];
}
