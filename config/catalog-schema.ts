import { z } from 'zod';
import { FORMATS } from '../contracts/order.ts';
import { ANONYMIZED_SUFFIX } from '../contracts/requests.ts';
import { type Bundle, COLUMN_TYPES, type Column, type Dataset, EXPORT_KINDS } from './dataset.ts';

const text = z.string().trim().min(1);
const name = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_]*$/, 'should be a letter, followed by letters, digits and underscores');
const columnName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'should be a letter or underscore, followed by letters, digits and underscores');

const column = z.strictObject({
  name: columnName.describe("Name in the dataset's SQL, and the key in JSONL."),
  header: text.optional().describe('Header in CSV. Default: the name.'),
  type: z.enum(COLUMN_TYPES),
  label: text.optional().describe('What the column means.'),
  value_labels: z.record(z.string(), z.string()).optional().describe('Meaning of coded values.'),
  missing: z
    .record(z.string(), z.string())
    .optional()
    .describe('Values that stand for a missing answer, with their meaning; for SPSS and Stata.'),
  anonymize: z
    .boolean()
    .optional()
    .describe('Whether files hold keyed hashes instead of the values, whatever kind of export makes them.'),
});

const parameter = z.strictObject({
  name: name.describe('Appears in the SQL as $name.'),
  type: z.enum(['integer', 'text', 'boolean']),
  required: z.boolean().default(true),
  title: text.optional(),
});

/** One dataset of a catalog file. Columns are in long form; see {@link expandColumns}. */
export const datasetSchema = z.strictObject({
  name: name.describe('Unique in the catalog, without regard to case.'),
  offered_as: text.optional().describe('Name for callers, if it differs from the name.'),
  title: text.describe('Human-readable name.'),
  doors: z.array(z.enum(EXPORT_KINDS)).min(1).describe('Kinds of export that offer the dataset.'),
  sql: text.describe('One SELECT in DuckDB SQL. Parameters appear as $name.'),
  tenant_column: columnName.describe('Column of the SELECT that holds the tenant. Every query is filtered by it.'),
  created_column: columnName.optional().describe('Column of the SELECT with the time a row was created, in UTC.'),
  modified_column: columnName
    .optional()
    .describe('Column of the SELECT with the time a row was last modified, in UTC.'),
  deleted_column: columnName.optional().describe('Boolean column of the SELECT that marks deleted rows.'),
  deletes: z
    .enum(['inferred'])
    .optional()
    .describe('Recurring exports find deleted rows by comparing all keys with those of the run before.'),
  key: z.array(columnName).default([]).describe('Columns that identify a row, for deltas.'),
  formats: z
    .array(z.enum(FORMATS))
    .min(1)
    .default([...FORMATS]),
  columns: z.array(column).min(1),
  parameters: z.array(parameter).default([]),
});

const query = z.strictObject({ sql: text.describe('One SELECT in DuckDB SQL, with the tenant column of the bundle.') });

/** One bundle of a catalog file. */
export const bundleSchema = z.strictObject({
  name: name.describe('Unique in the catalog, without regard to case.'),
  kind: z.enum(['questionnaire']).describe('Kind of export that offers the bundle.'),
  title: text.describe('Human-readable name.'),
  tenant_column: columnName.describe(
    'Column of each query, and of every table that the warehouse names, that holds the tenant. Every query is filtered by it.',
  ),
  members: query.describe('One row a questionnaire version: questionnaire_id, version, variable, title, imported_at.'),
  tables: query.describe(
    'One row a table and column of the version $questionnaire_id, $version: table_name, part, source_sql, parent_keys, position, ' +
      'column_name, type, label, value_labels, missing.',
  ),
  attachments: query
    .optional()
    .describe('One row a file of that version: interview__key, folder, file_name, object_key.'),
  filters: z
    .strictObject({
      status: columnName.optional().describe('Column of the tables of interviews with the status, a code.'),
      time: columnName.optional().describe('Column of those tables with the time of the last change, in UTC.'),
    })
    .default({}),
});

/** Known keys of each part of a catalog file, to suggest corrections of unknown ones. */
export const KNOWN_KEYS = {
  file: ['datasets', 'bundles'],
  bundle: Object.keys(bundleSchema.shape),
  filters: Object.keys(bundleSchema.shape.filters.unwrap().shape),
  dataset: Object.keys(datasetSchema.shape),
  columns: Object.keys(column.shape),
  parameters: Object.keys(parameter.shape),
} as const;

/** Converts a parsed catalog entry to a bundle. */
export function bundleOf({
  tenant_column: tenantColumn,
  attachments,
  filters,
  ...parsed
}: z.infer<typeof bundleSchema>): Bundle {
  return {
    ...{ ...parsed, tenantColumn, attachments: attachments ?? null },
    filters: { status: filters.status ?? null, time: filters.time ?? null },
  };
}

/** Converts a parsed catalog entry to a dataset. */
export function datasetOf(parsed: z.infer<typeof datasetSchema>): Dataset {
  return {
    name: parsed.name,
    offeredAs: parsed.offered_as ?? parsed.name,
    title: parsed.title,
    sql: parsed.sql,
    tenantColumn: parsed.tenant_column,
    createdColumn: parsed.created_column ?? null,
    modifiedColumn: parsed.modified_column ?? null,
    deletedColumn: parsed.deleted_column ?? null,
    infersDeletes: parsed.deletes === 'inferred',
    key: parsed.key,
    columns: parsed.columns.map(columnOf),
    parameters: parsed.parameters.map((entry) => ({ ...entry, title: entry.title ?? null })),
    formats: parsed.formats,
    doors: parsed.doors,
  };
}

function columnOf(entry: z.infer<typeof column>): Column {
  const header = entry.header ?? entry.name;
  const described = { name: entry.name, label: entry.label ?? null, valueLabels: entry.value_labels ?? null };
  const missing = entry.missing && { missing: entry.missing };
  return entry.anonymize
    ? { ...described, header: `${header}${ANONYMIZED_SUFFIX}`, type: 'text', anonymizedFrom: entry.type }
    : { ...described, ...missing, header, type: entry.type };
}

/**
 * Expands columns from the short form, `- user_id: integer`, to the long form, `- { name: user_id, type: integer }`. A map
 * with one entry is the short form, so `- name: text` is a column called `name`.
 *
 * @returns the columns, and by index the names of those in short form
 */
export function expandColumns(columns: readonly unknown[]): {
  readonly columns: readonly unknown[];
  readonly short: ReadonlyMap<number, string>;
} {
  const short = new Map<number, string>();
  const long = columns.map((entry, index) => {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return entry;
    const [[key, type] = ['', undefined], ...rest] = Object.entries(entry);
    if (key === '' || rest.length > 0) return entry;
    short.set(index, key);
    return { name: key, type };
  });
  return { columns: long, short };
}

/** JSON Schema of a catalog file, for editors. */
export function catalogJsonSchema(): object {
  const shortColumn = z.record(columnName, z.enum(COLUMN_TYPES)).meta({ minProperties: 1, maxProperties: 1 });
  const dataset = datasetSchema.extend({ columns: z.array(z.union([column, shortColumn])).min(1) });
  const file = z.strictObject({
    datasets: z.array(dataset).min(1).optional(),
    bundles: z.array(bundleSchema).min(1).optional(),
  });
  return z.toJSONSchema(file.meta({ title: 'Waybill catalog', minProperties: 1 }), { io: 'input' });
}
