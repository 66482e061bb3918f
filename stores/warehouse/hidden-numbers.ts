import { z } from 'zod';
import type { PostgresRelation } from './attached.ts';
import { Bindings } from './bindings.ts';
import { plainColumns } from './plain-select.ts';
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
    const plain = plainColumns(select, relation)?.columns;
    const isPlain = whole !== undefined || plain !== undefined;
    const hidden = [...relation.nestedNumeric, ...(isPlain ? [] : relation.numeric)];
    const found = hidden.filter((name) => columns.includes(name));
    if (found.length === 0) return [];
    const tenantColumn = whole ? whole[source.tenant.index] : plain?.get(dataset.tenantColumn.toLowerCase());
    return [{ relation, columns: found, tenantColumn: tenantColumn ?? null }];
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
