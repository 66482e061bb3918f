import type { DuckDBConnection } from '@duckdb/node-api';
import { z } from 'zod';
import type { Bindings } from './bindings.ts';

/** Operators of DuckDB that keep rows until they have read all of them. */
const COLLECTING = /GROUP_BY|ORDER_BY|TOP_N|WINDOW|CTE|SAMPLE|DELIM_JOIN|MERGE_JOIN|IE_JOIN|ASOF_JOIN/;

/** Those that keep the rows of their second side, and pass on those of the first. */
const JOINING = /^(?:HASH_JOIN|NESTED_LOOP_JOIN|BLOCKWISE_NL_JOIN|CROSS_PRODUCT)$/;

/** Rows of a side that are kept in little memory. */
const SIDE_ROWS_MAX = 100_000;

const Operator = z.object({
  name: z.string(),
  extra_info: z.object({ 'Estimated Cardinality': z.coerce.number().optional() }),
  get children() {
    return z.array(Operator);
  },
});
type Operator = z.infer<typeof Operator>;

/** Source: DuckDB 1.5, `EXPLAIN (FORMAT json)`. */
const Plan = z.array(Operator);

/** Whether DuckDB needs memory for the rows of a query, because it sorts, groups, numbers or joins many of them. Reads no rows. */
export async function collectsRows(connection: DuckDBConnection, query: string, bindings: Bindings): Promise<boolean> {
  const statement = await connection.prepare(`EXPLAIN (FORMAT json) ${query}`);
  try {
    bindings.bindTo(statement);
    const [[, plan] = []] = (await statement.runAndReadAll()).getRows();
    return Plan.parse(JSON.parse(String(plan))).some(isCollecting);
  } finally {
    statement.destroySync();
  }
}

function isCollecting({ name, children }: Operator): boolean {
  const kept = JOINING.test(name) ? (children[1]?.extra_info['Estimated Cardinality'] ?? Number.POSITIVE_INFINITY) : 0;
  return COLLECTING.test(name) || kept > SIDE_ROWS_MAX || children.some(isCollecting);
}
