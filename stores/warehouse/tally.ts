import { BOOLEAN, type DuckDBConnection, DuckDBScalarFunction, UBIGINT, UINTEGER } from '@duckdb/node-api';
import { type RowSum, rowSum } from '../../contracts/plan.ts';

/** Sums the rows of one query while it returns them. */
export interface Tally {
  /** @param value SQL of a value in the query's select list @returns SQL of the same value, which adds the row to the sum */
  through(value: string): string;
  sum(): RowSum;
  end(): void;
}

/** @param hash SQL of a row's hash, a UBIGINT that is never NULL */
export type BeginTally = (hash: string) => Tally;

const NAME = 'waybill_tally';

/**
 * Adds a function to DuckDB that sums hashes in JavaScript, because DuckDB itself can either write rows or aggregate them.
 * DuckDB calls it with up to 2,048 rows, and its thread waits for the event loop meanwhile.
 */
export function addTally(connection: DuckDBConnection): BeginTally {
  const sums = new Map<number, { rows: number; hash: bigint }>();
  let last = 0;
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: NAME,
      returnType: BOOLEAN,
      parameterTypes: [UINTEGER, UBIGINT],
      // Called for each row, also if the rows are equal.
      volatile: true,
      mainFunction(_, chunk, output) {
        const sum = sums.get(Number(chunk.getColumnVector(0).getItem(0)));
        if (!sum) throw new Error('there is no such tally');
        const hashes = chunk.getColumnVector(1);
        for (let row = 0; row < chunk.rowCount; row += 1) {
          const hash = hashes.getItem(row);
          if (typeof hash !== 'bigint') throw new Error('a row has no hash');
          sum.hash += hash;
          output.setItem(row, true);
        }
        sum.rows += chunk.rowCount;
        output.flush();
      },
    }),
  );
  return (hash) => {
    last += 1;
    const number = last;
    const sum = { rows: 0, hash: 0n };
    sums.set(number, sum);
    return {
      through: (value) => `CASE WHEN ${NAME}(${number}::UINTEGER, ${hash}) THEN ${value} END`,
      sum: () => rowSum(sum.rows, sum.hash),
      end: () => void sums.delete(number),
    };
  };
}
