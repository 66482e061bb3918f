import { z } from 'zod';
import type { Dataset } from '../../config/dataset.ts';
import type { PostgresRelation } from './attached.ts';
import { Bindings } from './bindings.ts';
import type { Reading } from './row-sum.ts';

/** Columns of one table or view of PostgreSQL. */
export interface HiddenNumbers {
  readonly relation: PostgresRelation;
  readonly columns: readonly string[];
  /** Column by which only the tenant's rows are looked at; `null`: all rows. */
  readonly tenantColumn: string | null;
}

/**
 * Finds the columns of `numeric` that the dataset's SQL reads and in which no condition on the dataset's own columns finds NaN and
 * infinities: those inside arrays, and, unless the SQL selects columns of one table as they are, all.
 */
export async function findHiddenNumbers(read: Reading): Promise<readonly HiddenNumbers[]> {
  const { dataset, source } = read;
  if (!source.numbers) return [];
  const { relations, select } = source.numbers;
  const plan = await readPlan(read);
  const scans = scansOf(plan);
  const [root] = plan;
  const whole = root && isScan(root) ? columnsOf(root) : undefined;
  return relations.flatMap((relation) => {
    const columns = scans.flatMap((scan) => (scan.extra_info.Table === relation.name ? columnsOf(scan) : []));
    const isPlain = whole !== undefined || isPlainSelect(select, relation);
    const hidden = [...relation.nestedNumeric, ...(isPlain ? [] : relation.numeric)];
    const found = hidden.filter((name) => columns.includes(name));
    if (found.length === 0) return [];
    const tenantColumn = whole ? whole[source.tenant.index] : isPlain && sameColumn(select, relation, dataset);
    return [{ relation, columns: found, tenantColumn: tenantColumn || null }];
  });
}

interface PlanNode {
  readonly name: string;
  readonly children: readonly PlanNode[];
  readonly extra_info: { readonly Table?: string | undefined; readonly Projections?: string | string[] | undefined };
}
const PlanNode: z.ZodType<PlanNode> = z.object({
  name: z.string(),
  get children() {
    return z.array(PlanNode);
  },
  extra_info: z.object({ Table: z.string(), Projections: z.union([z.string(), z.array(z.string())]) }).partial(),
});

async function readPlan({ connection, dataset, order, source }: Reading): Promise<readonly PlanNode[]> {
  const statement = await connection.prepare(`EXPLAIN (FORMAT json) SELECT * FROM ${source.fromSql}`);
  try {
    const bindings = new Bindings(dataset, order.parameters);
    bindings.bindTo(statement);
    const [row] = (await statement.runAndReadAll()).getRows();
    return z.array(PlanNode).parse(JSON.parse(String(row?.[1])));
  } finally {
    statement.destroySync();
  }
}

function isScan({ name }: PlanNode): boolean {
  return name.trim() === 'POSTGRES_SCAN';
}

function scansOf(nodes: readonly PlanNode[]): readonly PlanNode[] {
  return nodes.flatMap((node) => [...(isScan(node) ? [node] : []), ...scansOf(node.children)]);
}

/** @returns the columns that are read, in the order of the result, as PostgreSQL spells them */
function columnsOf({ extra_info: { Projections } }: PlanNode): readonly string[] {
  return [Projections ?? []].flat();
}

/** A SELECT of columns as they are. Source: DuckDB 1.5, json_serialize_sql. */
const PlainSelect = z.object({
  node: z.object({
    type: z.literal('SELECT_NODE'),
    modifiers: z.tuple([]),
    cte_map: z.object({ map: z.tuple([]) }),
    select_list: z.array(
      z.discriminatedUnion('type', [
        z.object({ type: z.literal('COLUMN_REF'), alias: z.string() }),
        z.object({
          type: z.literal('STAR'),
          alias: z.string(),
          replace_list: z.tuple([]),
          columns: z.literal(false),
          expr: z.null(),
        }),
      ]),
    ),
    from_table: z.object({
      type: z.literal('BASE_TABLE'),
      /** Empty if the database is named without a schema: then the parser takes it for one. */
      catalog_name: z.string(),
      schema_name: z.string(),
      sample: z.null(),
    }),
    where_clause: z.unknown(),
    group_expressions: z.tuple([]),
    having: z.null(),
    sample: z.null(),
    qualify: z.null(),
  }),
});

/** Whether the SQL selects columns of one table of the database as they are, without conditions on those of `numeric`. */
function isPlainSelect(select: unknown, { database, numeric }: PostgresRelation): boolean {
  const { data } = PlainSelect.safeParse(select);
  if (!data) return false;
  const { catalog_name: catalog, schema_name: schema } = data.node.from_table;
  // A view of DuckDB may compute.
  if ((catalog || schema).toLowerCase() !== database.toLowerCase()) return false;
  const condition = JSON.stringify(data.node.where_clause ?? null).toLowerCase();
  return !numeric.some((name) => condition.includes(JSON.stringify(name.toLowerCase())));
}

/** @returns the table's column that has the name of the dataset's tenant column, unless another one is selected under it */
function sameColumn(select: unknown, { columns }: PostgresRelation, { tenantColumn }: Dataset): string | undefined {
  const name = tenantColumn.toLowerCase();
  const { data } = PlainSelect.safeParse(select);
  if (data?.node.select_list.some(({ alias }) => alias.toLowerCase() === name)) return undefined;
  return columns.find((column) => column.toLowerCase() === name);
}
