import type { DuckDBConnection } from '@duckdb/node-api';
import { z } from 'zod';
import type { Bindings } from './bindings.ts';

/** Operators of DuckDB that keep rows until they have read all of them. */
const COLLECTING =
  /GROUP_BY|ORDER_BY|TOP_N|(?<!STREAMING_)(?:WINDOW|SAMPLE)|CTE|LIMIT_PERCENT|(?:DELIM|MERGE|IE|ASOF|POSITIONAL)_JOIN/;

/** Those that keep the rows of their second side, and pass on those of the first. */
const JOINING = /^(?:HASH_JOIN|NESTED_LOOP_JOIN|BLOCKWISE_NL_JOIN|CROSS_PRODUCT|PIECEWISE_MERGE_JOIN)$/;

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
const Plan = z.tuple([Operator]);

/** @returns the operator of which the others are children; reads no rows */
export async function explain(connection: DuckDBConnection, sql: string, bindings: Bindings): Promise<Operator> {
  const statement = await connection.prepare(`EXPLAIN (FORMAT json) ${sql}`);
  try {
    bindings.bindTo(statement);
    const plans = (await statement.runAndReadAll()).getRows();
    const plan = plans.find(([kind]) => kind === 'physical_plan')?.[1];
    return Plan.parse(JSON.parse(String(plan)))[0];
  } finally {
    statement.destroySync();
  }
}

/** Whether a query needs memory for rows, because it sorts, groups, numbers or joins many of them. */
export function isCollecting({ name, children: [first, second, ...rest] }: Operator): boolean {
  if (COLLECTING.test(name) || (JOINING.test(name) && !isSmall(second))) return true;
  return [first, second, ...rest].some((child) => child !== undefined && isCollecting(child));
}

/** Whether the rows of a COPY are sorted. */
export function areSorted({ name, children: [first] }: Operator): boolean {
  if (/^(?:ORDER_BY|TOP_N)$/.test(name)) return true;
  return first !== undefined && name !== 'UNION' && !COLLECTING.test(name) && areSorted(first);
}

/** Whether a COPY collects batches of rows that come from several queries, one after the other, by UNION ALL. */
export function collectsUnited({ name, children }: Operator): boolean {
  return name === 'BATCH_COPY_TO_FILE' && children.some(isUniting);
}

/** Rows that an operator has collected are numbered anew, as are those of the second side of a join and the first of a CTE. */
function isUniting({ name, children }: Operator): boolean {
  if (name === 'UNION' && children.length > 1) return true;
  if (name === 'CTE') return children.slice(1).some(isUniting);
  if (JOINING.test(name)) return children.slice(0, 1).some(isUniting);
  return !COLLECTING.test(name) && children.some(isUniting);
}

function isSmall(side: Operator | undefined): boolean {
  const rows = side?.extra_info['Estimated Cardinality'];
  return side !== undefined && rows !== undefined && rows <= SIDE_ROWS_MAX && !isUncounted(side);
}

function isUncounted({ name, children }: Operator): boolean {
  return UNCOUNTED.test(name) || children.some(isUncounted);
}
