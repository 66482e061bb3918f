import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Number of files in the bundle: one large, the others small, together with every row of the table once. */
export const BUNDLE_FILES = 36;

/** One in this many rows goes to the small files. */
const SMALL_SHARE = 20;

/** The columns of readings.yaml. */
const COLUMNS = [
  { id: 'integer' },
  { created_at: 'timestamp' },
  { user_id: 'integer' },
  { status: 'text' },
  { amount: 'decimal' },
  { score: 'double' },
  { active: 'boolean' },
  { city: 'text' },
  { reference: 'text' },
  { note: 'text' },
] as const;

/**
 * Writes a catalog whose periodic files share the table's rows.
 *
 * @returns its path
 */
export async function writeBundleCatalog(directory: string): Promise<string> {
  const path = join(directory, 'bundle.yaml');
  const small = BUNDLE_FILES - 1;
  const datasets = [
    dataset('readings', `id % ${SMALL_SHARE} > 0`),
    ...Array.from({ length: small }, (_, at) =>
      dataset(`readings${at + 1}`, `id % ${SMALL_SHARE} = 0 AND id // ${SMALL_SHARE} % ${small} = ${at}`),
    ),
  ];
  // JSON is valid YAML.
  await writeFile(path, JSON.stringify({ datasets }));
  return path;
}

function dataset(name: string, rows: string) {
  return {
    name,
    title: name,
    doors: ['periodic'],
    sql: `SELECT * FROM bench.readings WHERE ${rows}`,
    tenant_column: 'tenant',
    created_column: 'created_at',
    key: ['id'],
    columns: COLUMNS,
  };
}
