import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from './cleanup.ts';

/** A warehouse whose rows all carry the same number, which can be replaced atomically. */
export interface NumberedWarehouse {
  /** Of the API and the workers. */
  readonly settings: Readonly<Record<string, string>>;
  /** Names of the periodic files. */
  readonly files: readonly string[];
  /** Replaces the number in all rows. */
  write(number: number): Promise<void>;
  /** Removes the column that every file reads, until the next {@link write}. */
  breakIt(): Promise<void>;
}

/** The fewest rows of a file that shares its step with no other file (workflows/batches.ts). */
export const ROWS_OF_ONE_STEP = 50_001;

const TENANTS = ['acme', 'dreambuilder'];

/**
 * Writes the warehouse and its catalog, with the number 1.
 *
 * @param size.files number of periodic files
 * @param size.rows rows of each file, of about 80 bytes each
 */
export async function makeNumberedWarehouse(size: {
  readonly files: number;
  readonly rows: number;
}): Promise<NumberedWarehouse> {
  const folder = await temporaryFolder();
  const path = join(folder, 'numbered.csv');
  const catalog = join(folder, 'catalog.yaml');
  const files = Array.from({ length: size.files }, (_, place) => `file${place + 1}`);

  async function replace(lines: readonly string[]): Promise<void> {
    await writeFile(`${path}.next`, `${lines.join('\n')}\n`);
    await rename(`${path}.next`, path);
  }
  const write = (number: number) => replace(['tenant,number', ...TENANTS.map((tenant) => `${tenant},${number}`)]);

  await write(1);
  await writeFile(catalog, `datasets:\n${files.map((file) => datasetOf(file, size.rows)).join('')}`);
  return {
    settings: {
      WAYBILL_CATALOG: catalog,
      WAYBILL_WAREHOUSE_SQL: `CREATE VIEW numbered AS SELECT tenant, number FROM read_csv('${path}', header = true)`,
      WAYBILL_WAREHOUSE_DIRECTORIES: folder,
      WAYBILL_PERIODIC_AT: farFromNow(),
      WAYBILL_PERIODIC_JITTER_MINUTES: '0',
    },
    files,
    write,
    breakIt: () => replace(['tenant', ...TENANTS]),
  };
}

function datasetOf(file: string, rows: number): string {
  return `
  - name: ${file}
    title: Rows of one number
    doors: [periodic]
    sql: >-
      SELECT tenant, i AS id, number, md5(i::VARCHAR || '${file}') || md5('${file}' || i::VARCHAR) AS text
      FROM numbered, range(${rows}) AS r(i)
    tenant_column: tenant
    key: [id]
    columns: [{ name: id, type: integer }, { name: number, type: integer }, { name: text, type: text }]
`;
}

/** A time of day, in UTC, that is too far away for any test. */
function farFromNow(): string {
  return `${String((new Date().getUTCHours() + 12) % 24).padStart(2, '0')}:00`;
}

/** The numbers that the rows of one of these files carry. */
export function numbersOf(csv: Buffer): ReadonlySet<number> {
  const [, ...rows] = csv.toString().trimEnd().split('\n');
  return new Set(rows.map((row) => Number(row.split(',', 2)[1])));
}
