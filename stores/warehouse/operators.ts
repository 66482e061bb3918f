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

/** What DuckDB does to read the rows of a query. */
export interface Operations {
  /** Whether it needs memory for rows, because it sorts, groups, numbers or joins many of them. */
  readonly collects: boolean;
  /** Whether the rows come from several queries, one after the other, by UNION ALL. */
  readonly unites: boolean;
}

/** Reads no rows. */
export async function operationsOf(
  connection: DuckDBConnection,
  query: string,
  bindings: Bindings,
): Promise<Operations> {
  const statement = await connection.prepare(`EXPLAIN (FORMAT json) ${query}`);
  try {
    bindings.bindTo(statement);
    const plans = (await statement.runAndReadAll()).getRows();
    const plan = plans.find(([kind]) => kind === 'physical_plan')?.[1];
    const roots = Plan.parse(JSON.parse(String(plan)));
    return { collects: roots.some(isCollecting), unites: roots.some(isUniting) };
  } finally {
    statement.destroySync();
  }
}

function isCollecting({ name, children: [first, second, ...rest] }: Operator): boolean {
  if (COLLECTING.test(name) || (JOINING.test(name) && !isSmall(second))) return true;
  return [first, second, ...rest].some((child) => child !== undefined && isCollecting(child));
}

/** Whoever collects rows hands them out anew, and the second side of a join is collected. */
function isUniting({ name, children }: Operator): boolean {
  if (name === 'UNION') return true;
  if (COLLECTING.test(name)) return false;
  return (JOINING.test(name) ? children.slice(0, 1) : children).some(isUniting);
}

function isSmall(side: Operator | undefined): boolean {
  const rows = side?.extra_info['Estimated Cardinality'];
  return side !== undefined && rows !== undefined && rows <= SIDE_ROWS_MAX && !isUncounted(side);
}

function isUncounted({ name, children }: Operator): boolean {
  return UNCOUNTED.test(name) || children.some(isUncounted);
}
