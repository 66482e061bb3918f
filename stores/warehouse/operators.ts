import type { DuckDBConnection } from '@duckdb/node-api';
import { z } from 'zod';
import type { Bindings } from './bindings.ts';

/** Operators of DuckDB that keep rows until they have read all of them. */
const COLLECTING =
  /GROUP_BY|ORDER_BY|TOP_N|(?<!STREAMING_)(?:WINDOW|SAMPLE)|CTE|LIMIT_PERCENT|(?:DELIM|MERGE|IE|ASOF|POSITIONAL)_JOIN/;

/** Those that keep the rows of their second side, and pass on those of the first. */
const JOINING = /^(?:HASH_JOIN|NESTED_LOOP_JOIN|BLOCKWISE_NL_JOIN|CROSS_PRODUCT)$/;

/** Rows of a side that are kept in little memory. */
const SIDE_ROWS_MAX = 100_000;

/** Operators whose number of rows DuckDB does not know, although it gives one: of PostgreSQL 0, of a list 1. */
const UNCOUNTED = /^POSTGRES|UNNEST/;

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
    const plans = (await statement.runAndReadAll()).getRows();
    const plan = plans.find(([kind]) => kind === 'physical_plan')?.[1];
    return Plan.parse(JSON.parse(String(plan))).some(isCollecting);
  } finally {
    statement.destroySync();
  }
}

function isCollecting({ name, children: [first, second, ...rest] }: Operator): boolean {
  if (COLLECTING.test(name) || (JOINING.test(name) && !isSmall(second))) return true;
  return [first, second, ...rest].some((child) => child !== undefined && isCollecting(child));
}

function isSmall(side: Operator | undefined): boolean {
  const rows = side?.extra_info['Estimated Cardinality'];
  return side !== undefined && rows !== undefined && rows <= SIDE_ROWS_MAX && !isUncounted(side);
}

function isUncounted({ name, children }: Operator): boolean {
  return UNCOUNTED.test(name) || children.some(isUncounted);
}
