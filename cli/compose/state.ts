import type { DuckDBConnection } from '@duckdb/node-api';
import type { ManifestFile } from '../../contracts/manifest.ts';
import { literal } from '../../stores/warehouse/sql-text.ts';
import type { EntityPlan } from './plan.ts';

/** Every row that was delivered, as texts, in the order of delivery; then, for each key, only the last one counts. */
const DELIVERED = 'delivered';
/** Places of those that count. */
const CURRENT = 'current_places';

/** A row longer than this cannot be read. DuckDB keeps a few buffers of this size in memory. */
const LINE_BYTES_MAX = 32 * 1024 * 1024;

/** Reads what an entity is composed of into the database, in place of the entity before. */
export async function loadEntity(
  db: DuckDBConnection,
  { columns, key, sources }: EntityPlan,
  onLoaded: (bytes: number) => void,
): Promise<void> {
  const places = new Map(columns.map(({ name }, place) => [name, place]));
  const texts = columns.map((_, place) => `${textColumn(place)} VARCHAR`);
  // Row ids are in the order of delivery; what is written needs none, and less memory without.
  await db.run('SET preserve_insertion_order = true');
  await db.run(`CREATE OR REPLACE TABLE ${DELIVERED} (${[...texts, 'is_deleted BOOLEAN NOT NULL'].join(', ')})`);
  for (const source of sources) {
    // One after the other, so that rows keep their order.
    for (const path of source.paths) await db.run(insertSql(path, source.file, places));
    onLoaded(source.file.bytes);
  }
  await db.run('SET preserve_insertion_order = false');
  const keys = key.map((name) => textColumn(places.get(name) ?? 0));
  const counting = keys.length === 0 ? 'rowid AS place' : 'max(rowid) AS place';
  const groups = keys.length === 0 ? '' : ` GROUP BY ${keys.join(', ')}`;
  await db.run(`CREATE OR REPLACE TABLE ${CURRENT} AS SELECT ${counting} FROM ${DELIVERED}${groups}`);
}

/** Follows `SELECT …`: the rows of the state, with columns {@link textColumn}. */
export const STATE_FROM = `FROM ${DELIVERED} WHERE rowid IN (SELECT place FROM ${CURRENT}) AND NOT is_deleted`;

/** @returns SQL of a column of the state, a text. @param place counts from 0 */
export function textColumn(place: number): string {
  return `c${place}`;
}

/** A column that is no longer delivered is left out; one that was not yet is NULL. */
function insertSql(path: string, file: ManifestFile, places: ReadonlyMap<string, number>): string {
  const kept = file.columns.flatMap(({ name }, index) => {
    const place = places.get(name);
    return place === undefined ? [] : [{ from: `f${index}`, to: textColumn(place) }];
  });
  const into = [...kept.map(({ to }) => to), 'is_deleted'].join(', ');
  const values = [...kept.map(({ from }) => from), file.rowsWanted === 'deleted'].join(', ');
  return `INSERT INTO ${DELIVERED} (${into}) SELECT ${values} FROM ${readCsvSql(path, file)}`;
}

function readCsvSql(path: string, { columns, csv }: ManifestFile): string {
  const names = columns.map((_, index) => `f${index}: 'VARCHAR'`).join(', ');
  const options = [
    `columns = {${names}}`,
    'auto_detect = false',
    `header = ${csv?.header ?? true}`,
    `delim = ${literal(csv?.delimiter ?? ',')}`,
    `quote = '"'`,
    `escape = '"'`,
    // NULL is not quoted; a text that looks like it is.
    `nullstr = ${literal(csv?.nullText ?? '')}`,
    'allow_quoted_nulls = false',
    `new_line = '\\n'`,
    'strict_mode = true',
    `max_line_size = ${LINE_BYTES_MAX}`,
    // By default, sixteen times as much.
    `buffer_size = ${LINE_BYTES_MAX}`,
    // Rows keep their order, and line feeds in quotes are never taken for the end of a row.
    'parallel = false',
  ];
  return `read_csv(${literal(escapeGlob(path))}, ${options.join(', ')})`;
}

/** DuckDB takes a path for a pattern. */
function escapeGlob(path: string): string {
  return path.replace(/[*?[]/g, '[$&]');
}
