import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toSum } from './row-sum.ts';
import { addTally, type BeginTally } from './tally.ts';

let instance: DuckDBInstance;
let connection: DuckDBConnection;
let beginTally: BeginTally;

beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:');
  connection = await instance.connect();
  beginTally = addTally(connection);
  await connection.run('CREATE TABLE numbers AS SELECT range AS i FROM range(100000)');
});
afterAll(() => instance.closeSync());

/** The queries of these values, and the sum that DuckDB computes of their rows. */
async function sumOf(from: string, hash: string) {
  return toSum((await connection.runAndReadAll(`SELECT count(*), sum(${hash}) ${from}`)).getRows()[0]);
}

describe('a tally', () => {
  it.each([
    ['of no rows', 'FROM numbers WHERE i < 0'],
    ['of one row', 'FROM numbers WHERE i = 7'],
    ['of equal rows, which are one constant to DuckDB', 'FROM (SELECT 1 AS i FROM range(5000))'],
    ['of every third row', 'FROM numbers WHERE i % 3 = 0'],
    ['of two queries', 'FROM (SELECT i FROM numbers UNION ALL SELECT i FROM numbers WHERE i > 5)'],
    ['of sorted rows', 'FROM (SELECT i FROM numbers ORDER BY i DESC)'],
    ['of groups', 'FROM (SELECT i % 10 AS i FROM numbers GROUP BY ALL)'],
  ])('%s is the sum that DuckDB computes', async (_, from) => {
    const hash = 'hash(hash(i))';
    const tally = beginTally(hash);
    const query = `SELECT ${tally.through('i')} AS i ${from}`;
    await connection.run(`COPY (${query}) TO '/dev/null' (FORMAT csv)`);
    expect(tally.sum()).toEqual(await sumOf(from, hash));
    tally.end();
  });

  it('leaves the values as they are, of any type and NULL', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(fc.integer()), { minLength: 1, maxLength: 20 }), async (values) => {
        const tally = beginTally('hash(v)');
        const rows = values.map((value) => `(${value === null ? 'NULL' : `'${value}'`}::INTEGER)`).join(', ');
        const read = await connection.runAndReadAll(
          `SELECT ${tally.through('[v]')}, ${tally.through('v')} FROM (VALUES ${rows}) AS t(v)`,
        );
        expect(read.getRowsJson()).toEqual(values.map((value) => [[value], value]));
        expect(tally.sum().rows).toBe(2 * values.length);
        tally.end();
      }),
      { numRuns: 30 },
    );
  });

  it('is of its own query, though others run at the same time', async () => {
    const others = await Promise.all([instance.connect(), instance.connect()]);
    const sums = await Promise.all(
      others.map(async (other, index) => {
        const tally = beginTally('hash(i)');
        await other.run(
          `COPY (SELECT ${tally.through('i')} FROM numbers WHERE i > ${index}) TO '/dev/null' (FORMAT csv)`,
        );
        other.disconnectSync();
        return tally.sum();
      }),
    );
    expect(sums).toEqual([
      await sumOf('FROM numbers WHERE i > 0', 'hash(i)'),
      await sumOf('FROM numbers WHERE i > 1', 'hash(i)'),
    ]);
  });

  it('that has ended takes no more rows', async () => {
    const tally = beginTally('hash(i)');
    tally.end();
    await expect(connection.run(`SELECT ${tally.through('i')} FROM numbers`)).rejects.toThrow('no such tally');
  });
});
