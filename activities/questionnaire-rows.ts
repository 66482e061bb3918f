import { z } from 'zod';
import { attachmentsDataset, membersDataset, tablesDataset } from '../config/bundle.ts';
import { type Bundle, COLUMN_TYPES, type Dataset } from '../config/dataset.ts';
import { WaybillError } from '../contracts/failures.ts';
import type { Instant } from '../contracts/instant.ts';
import { CSV_DEFAULTS, type FileOrder } from '../contracts/order.ts';
import {
  dashedGuid,
  type QuestionnaireInfo,
  type QuestionnaireVersion,
  versionText,
} from '../contracts/questionnaires.ts';
import { withEnoughMemory } from '../stores/warehouse/memory.ts';
import type { Warehouse } from '../stores/warehouse/warehouse.ts';

/** What the warehouse says of questionnaires, each row checked. */

/** A tenant's rows, by its value of the tenant column. */
export interface TenantRows {
  readonly warehouse: Pick<Warehouse, 'read' | 'memory'>;
  readonly tenantKey: string;
  readonly signal: AbortSignal;
}

/** Later than any row. */
const END_OF_TIME = '9999-12-31T23:59:59.999999Z' as Instant;

const PARTS = ['main', 'roster', 'system', 'paradata'] as const;
export type TablePart = (typeof PARTS)[number];

const tableName = z.string().regex(/^[A-Za-z][A-Za-z0-9_]*$/);
const columnName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/);
const labels = z.record(z.string(), z.string()).nullable();

const memberRow = z.object({
  questionnaire_id: z.guid(),
  version: z.int().min(1),
  variable: z.string().min(1),
  title: z.string(),
  imported_at: z.string().nullable(),
});

const tableRow = z.object({
  table_name: tableName,
  part: z.enum(PARTS),
  source_sql: z.string().min(1),
  parent_keys: z.array(columnName).nullable(),
  position: z.int(),
  column_name: columnName,
  type: z.enum(COLUMN_TYPES),
  label: z.string().nullable(),
  value_labels: labels,
  missing: labels,
});
type TableRow = z.infer<typeof tableRow>;

/** A table of a questionnaire, as the warehouse describes it. */
export interface DescribedTable {
  readonly name: string;
  readonly part: TablePart;
  readonly sql: string;
  readonly parentKeys: readonly string[];
  readonly columns: Dataset['columns'];
}

/** All rows of a query of the bundle, as JSON. @throws WaybillError like the port, `dataset_broken` for a row that does not fit */
function readRows<Row>(
  tenantRows: TenantRows,
  dataset: Dataset,
  parameters: FileOrder['parameters'],
  schema: z.ZodType<Row>,
): Promise<readonly Row[]> {
  return withEnoughMemory(tenantRows.warehouse.memory, async () => {
    const rows: Row[] = [];
    for await (const line of readLines(tenantRows, dataset, { parameters })) {
      const parsed = schema.safeParse(JSON.parse(line));
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        // Neither the value nor the message, which may repeat it.
        throw broken(dataset.name, `a row does not have what it should in ${issue?.path.join('.')}`);
      }
      rows.push(parsed.data);
    }
    return rows;
  });
}

/** Rows as JSON, one line each. */
export async function* readLines(
  { warehouse, tenantKey, signal }: TenantRows,
  dataset: Dataset,
  content: Pick<FileOrder, 'parameters'> & Partial<FileOrder>,
): AsyncGenerator<string> {
  const order: FileOrder = {
    ...{ dataset: dataset.name, window: null, csv: CSV_DEFAULTS, columns: null, compression: 'none', recipients: [] },
    ...content,
    ...{ tenant: tenantKey, format: 'jsonl' },
  };
  const read = warehouse.read(
    dataset,
    order,
    { slice: { from: null, to: null }, first: true, snapshotAt: END_OF_TIME },
    signal,
  );
  yield* linesOf(read.chunks);
}

/** @param chunks UTF-8, lines that end in LF; each chunk is valid only until the next one is requested */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

/** @returns every questionnaire version of the tenant, by title and version */
export async function readQuestionnaires(rows: TenantRows, bundle: Bundle): Promise<readonly QuestionnaireInfo[]> {
  const members = await readRows(rows, membersDataset(bundle), {}, memberRow);
  return members
    .map((row) => ({
      questionnaire: row.questionnaire_id.replaceAll('-', '').toLowerCase(),
      ...{ version: row.version, variable: row.variable, title: row.title, importedAt: row.imported_at },
    }))
    .toSorted(
      (one, other) =>
        compare(one.title, other.title) ||
        compare(one.questionnaire, other.questionnaire) ||
        one.version - other.version,
    );
}

/** @throws WaybillError `dataset_broken` if the tenant no longer has it */
export async function findQuestionnaire(
  rows: TenantRows,
  bundle: Bundle,
  version: QuestionnaireVersion,
): Promise<QuestionnaireInfo> {
  const wanted = versionText(version);
  const found = (await readQuestionnaires(rows, bundle)).find((candidate) => versionText(candidate) === wanted);
  if (!found) throw new WaybillError('dataset_broken', 'The questionnaire is no longer there.');
  return found;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

export function versionParameters({ questionnaire, version }: QuestionnaireVersion) {
  return { questionnaire_id: dashedGuid(questionnaire), version };
}

/** @returns the tables of a version, in their order. @throws WaybillError `dataset_broken` */
export async function readTables(
  rows: TenantRows,
  bundle: Bundle,
  version: QuestionnaireVersion,
): Promise<readonly DescribedTable[]> {
  const dataset = tablesDataset(bundle);
  const described = (await readRows(rows, dataset, versionParameters(version), tableRow)).toSorted(
    (one, other) => one.position - other.position,
  );
  const names = new Set<string>();
  return [...Map.groupBy(described, (row) => row.table_name)].map(([name, columns]) => {
    if (names.has(name.toLowerCase())) throw broken(dataset.name, `two tables are called ${name}, apart from case`);
    names.add(name.toLowerCase());
    return tableOf(dataset.name, name, columns);
  });
}

function tableOf(dataset: string, name: string, rows: readonly TableRow[]): DescribedTable {
  const [first] = rows;
  if (!first) throw new RangeError('a table has a column');
  const distinct = new Set(rows.map((row) => row.column_name.toLowerCase()));
  if (distinct.size < rows.length) throw broken(dataset, `two columns of ${name} have the same name, apart from case`);
  return {
    ...{ name, part: first.part, sql: first.source_sql, parentKeys: first.parent_keys ?? [] },
    columns: rows.map((row) => ({
      ...{ name: row.column_name, header: row.column_name, type: row.type, label: row.label },
      valueLabels: row.value_labels,
      ...(row.missing && { missing: row.missing }),
    })),
  };
}

/** Column of every table of interviews. */
const INTERVIEW = 'interview__id';

/** @returns the dataset that a reference to the table means */
export function tableDataset(bundle: Bundle, reference: string, table: DescribedTable): Dataset {
  const { tenantColumn, filters } = bundle;
  const isOfInterviews = table.columns.some(({ name }) => name === INTERVIEW);
  const hidden =
    isOfInterviews && filters.status !== null && !table.columns.some(({ name }) => name === filters.status);
  const parentKeys = table.parentKeys.filter((key) => table.columns.some(({ name }) => name === key));
  return {
    ...{ name: reference, title: table.name, tenantColumn },
    sql: table.part === 'paradata' ? inOrder(table.sql) : table.sql,
    columns: hidden && filters.status !== null ? [...table.columns, hiddenColumn(filters.status)] : table.columns,
    // All columns, unless times say whether a row has changed: so no change in the middle goes unseen.
    key:
      isOfInterviews && filters.time !== null && parentKeys.length > 0
        ? parentKeys
        : table.columns.map(({ name }) => name),
    ...{ createdColumn: null, modifiedColumn: isOfInterviews ? filters.time : null, deletedColumn: null },
    ...{ parameters: [], formats: [], doors: [] },
  };
}

/** @returns the attachments of a version; `undefined`: the catalog has none */
export function attachmentList(bundle: Bundle, reference: string): Dataset | undefined {
  const attachments = attachmentsDataset(bundle);
  if (!attachments) return undefined;
  const { status, time } = bundle.filters;
  return {
    ...attachments,
    name: reference,
    columns: status === null ? attachments.columns : [...attachments.columns, hiddenColumn(status)],
    key: attachments.columns.map(({ name }) => name),
    modifiedColumn: time,
  };
}

/** The events of an interview in their order. */
function inOrder(sql: string): string {
  return `SELECT * FROM (${sql.replace(/;\s*$/, '')}\n) ORDER BY ${INTERVIEW}, "order"`;
}

function hiddenColumn(name: string): Dataset['columns'][number] {
  return { name, header: name, type: 'integer', label: null, valueLabels: null, hidden: true };
}

function broken(dataset: string, sentence: string): WaybillError {
  return new WaybillError('dataset_broken', `Dataset ${dataset}: ${sentence}. Contact the operator.`);
}
