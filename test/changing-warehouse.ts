import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from './cleanup.ts';

/** A row of a table whose content a test changes. Times are ISO 8601 in UTC; `null`: none. */
export interface ChangingRow {
  readonly id: number;
  readonly text: string;
  readonly created: string | null;
  readonly modified: string | null;
  readonly deleted: boolean;
  /** @default dreambuilder */
  readonly tenant?: string;
}

/** A warehouse of tables with times and a deletion marker, each replaced atomically. */
export interface ChangingWarehouse {
  /** Of the API and the workers. */
  readonly settings: Readonly<Record<string, string>>;
  /** Replaces a table. */
  write(table: string, rows: readonly ChangingRow[]): Promise<void>;
  /** Removes a column that its dataset reads, until the next {@link write}. */
  breakIt(table: string): Promise<void>;
  /** Replaces the catalog's columns; processes read it when they start. @param columns YAML by table */
  describe(columns: Readonly<Record<string, string>>): Promise<void>;
}

/** Columns of every table, in the catalog's short form. */
export const COLUMNS = '[id: integer, text: text, created: timestamp, modified: timestamp]';

/**
 * @param tables names of the tables and of their entities; underscores are spaces in the latter
 * @param inferred those of them whose deletions are inferred, instead of marked
 * @param doors kinds of exports that offer them
 */
export async function makeChangingWarehouse(
  tables: readonly string[],
  inferred: readonly string[] = [],
  doors = 'recurring',
): Promise<ChangingWarehouse> {
  const folder = await temporaryFolder();
  const catalog = join(folder, 'catalog.yaml');
  const pathOf = (table: string) => join(folder, `${table}.csv`);

  async function replace(table: string, lines: readonly string[]): Promise<void> {
    await writeFile(`${pathOf(table)}.next`, `${lines.join('\n')}\n`);
    await rename(`${pathOf(table)}.next`, pathOf(table));
  }
  const write: ChangingWarehouse['write'] = (table, rows) =>
    replace(table, ['tenant,id,text,created,modified,deleted', ...rows.map(lineOf)]);
  const describe: ChangingWarehouse['describe'] = (columns) =>
    writeFile(
      catalog,
      `datasets:\n${tables.map((table) => datasetOf(table, columns[table] ?? COLUMNS, inferred.includes(table), doors)).join('')}`,
    );

  for (const table of tables) await write(table, []);
  await describe({});
  return {
    settings: {
      WAYBILL_CATALOG: catalog,
      WAYBILL_WAREHOUSE_SQL: tables.map((table) => viewOf(table, pathOf(table))).join(';'),
      WAYBILL_WAREHOUSE_DIRECTORIES: folder,
      WAYBILL_RECURRING_SETTLING_SECONDS: '0',
      WAYBILL_RECURRING_JITTER_MINUTES: '0',
    },
    write,
    breakIt: (table) => replace(table, ['tenant,id']),
    describe,
  };
}

function viewOf(table: string, path: string): string {
  const types =
    "{tenant: 'VARCHAR', id: 'BIGINT', text: 'VARCHAR', created: 'TIMESTAMP', modified: 'TIMESTAMP', deleted: 'BOOLEAN'}";
  // A macro is bound when it is called, so that a missing column is noticed then.
  return `CREATE MACRO ${table}() AS TABLE SELECT tenant, id, text, created, modified, deleted
    FROM read_csv('${path}', header = true, types = ${types})`;
}

function datasetOf(table: string, columns: string, isInferred: boolean, doors: string): string {
  return `
  - name: ${table}
    offered_as: ${table.replaceAll('_', ' ')}
    title: A table that changes
    doors: [${doors}]
    sql: SELECT * FROM ${table}()
    tenant_column: tenant
    created_column: created
    modified_column: modified
    ${isInferred ? 'deletes: inferred' : 'deleted_column: deleted'}
    key: [id]
    columns: ${columns}
`;
}

function lineOf({ tenant = 'dreambuilder', id, text, created, modified, deleted }: ChangingRow): string {
  return [tenant, id, text, created ?? '', modified ?? '', deleted].join(',');
}
