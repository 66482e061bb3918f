import type { DuckDBConnection } from '@duckdb/node-api';
import { z } from 'zod';
import type { Bindings } from './bindings.ts';

/** Operators of DuckDB that keep rows until they have read all of them, or one side of a join. The others pass rows on. */
const COLLECTING = /JOIN|PRODUCT|GROUP_BY|ORDER_BY|TOP_N|WINDOW|CTE|SAMPLE/;

const Operator = z.object({
  name: z.string(),
  get children() {
    return z.array(Operator);
  },
});

/** Source: DuckDB 1.5, `EXPLAIN (FORMAT json)`. */
const Plan = z.array(Operator);

/** Whether DuckDB needs memory for the rows of a query, because it sorts, groups, joins or numbers them. Reads no rows. */
export async function collectsRows(connection: DuckDBConnection, query: string, bindings: Bindings): Promise<boolean> {
  const statement = await connection.prepare(`EXPLAIN (FORMAT json) ${query}`);
  try {
    bindings.bindTo(statement);
    const [[, plan] = []] = (await statement.runAndReadAll()).getRows();
    return isCollecting(Plan.parse(JSON.parse(String(plan))));
  } finally {
    statement.destroySync();
  }
}

function isCollecting(operators: z.infer<typeof Plan>): boolean {
  return operators.some(({ name, children }) => COLLECTING.test(name) || isCollecting(children));
}
