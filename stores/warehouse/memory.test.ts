import { afterAll, describe, expect, it } from 'vitest';
import type { Dataset } from '../../config/dataset.ts';
import { Bindings } from './bindings.ts';
import { collectsUnited, explain, isCollecting } from './operators.ts';
import { openSession } from './session.ts';
import {
  column,
  dataset,
  EVERYTHING,
  never,
  OPTIONS,
  order,
  readAll,
  scratchDirectory,
  useWarehouse,
} from './warehouse-fixture.ts';

const scratch = scratchDirectory(afterAll);
const session = await openSession({
  ...OPTIONS,
  ...{ memory: '2GB', threads: 2, tempDirectory: scratch },
  startupSql:
    "CREATE TABLE t AS SELECT i, i % 10 AS g, 'x' || i AS s FROM range(1000) t(i); CREATE VIEW v AS FROM t; CREATE TABLE large AS SELECT i, 'x' || i AS s FROM range(300000) t(i)",
});
afterAll(() => session.close());

/** Not the setting, which DuckDB also changes where the limit cannot be lowered. */
async function limit(): Promise<string> {
  const connection = await session.connect();
  try {
    return String(
      (await connection.runAndReadAll('SELECT memory_limit FROM pragma_database_size()')).getRows()[0]?.[0],
    );
  } finally {
    connection.disconnectSync();
  }
}
const [USUAL, MOST] = ['244.1 MiB', '1.8 GiB'];

describe('the memory of DuckDB', () => {
  it('is all there is until whoever needed it last is done', async () => {
    expect(await limit()).toBe(USUAL);
    const releases = await Promise.all([session.memory.raise(), session.memory.raise()]);
    expect(await limit()).toBe(MOST);
    await releases[0]?.();
    await releases[0]?.();
    expect(await limit()).toBe(MOST);
    await releases[1]?.();
    expect(await limit()).toBe(USUAL);
  });

  it('that a query still holds is taken back when it has ended', async () => {
    const release = await session.memory.raise();
    const connection = await session.connect();
    // The smaller side of a join, 500 MB, stays in memory until its last row has been read.
    const rows = await connection.stream(
      `SELECT * FROM range(50000000) AS large(i)
       JOIN (SELECT i, repeat(md5(i::VARCHAR), 25) AS text FROM range(600000) AS t(i)) AS small USING (i)`,
    );
    await rows.fetchChunk();
    await release();
    expect(await limit()).toBe(MOST);
    await session.memory.reclaim();
    expect(await limit()).toBe(MOST);
    while ((await rows.fetchChunk())?.rowCount);
    await session.memory.reclaim();
    expect(await limit()).toBe(USUAL);
    connection.disconnectSync();
  });
});

describe('DuckDB', () => {
  const planOf = async (sql: string) => {
    const parameter = { name: 'a', title: 'A', type: 'integer', required: false } as const;
    const set = dataset({ sql, columns: [], parameters: [parameter] });
    const connection = await session.connect();
    try {
      return await explain(connection, sql, new Bindings(set, { a: 1 }));
    } finally {
      connection.disconnectSync();
    }
  };

  it.each([
    [false, 'SELECT * FROM t'],
    [false, 'SELECT i + 1, upper(s) FROM v WHERE i > $a'],
    [false, 'SELECT * FROM t UNION ALL SELECT * FROM t'],
    [false, 'SELECT unnest([1, 2]), i FROM t LIMIT 10'],
    [false, 'SELECT *, row_number() OVER () FROM t'],
    [true, 'SELECT * FROM large JOIN (SELECT unnest(range(5000000)) AS i) AS list USING (i)'],
    [true, 'SELECT * FROM t ORDER BY s'],
    [true, 'SELECT DISTINCT s FROM t'],
    [true, 'SELECT g, count(*) FROM t WHERE i > $a GROUP BY g'],
    [true, 'SELECT *, row_number() OVER (PARTITION BY g ORDER BY s) FROM t'],
    [false, 'SELECT * FROM large JOIN t USING (i)'],
    [false, 'SELECT * FROM t, range(10) AS copies(k)'],
    [false, 'SELECT * FROM large WHERE s IN (SELECT s FROM v)'],
    [true, 'SELECT * FROM large JOIN large AS other USING (i)'],
    [true, 'SELECT * FROM t JOIN (SELECT i, count(*) FROM large GROUP BY i) USING (i)'],
    [true, 'WITH a AS MATERIALIZED (FROM t) SELECT * FROM a, a AS b'],
  ])('collects rows: %s, for %s', async (expected, sql) => {
    expect(isCollecting(await planOf(sql))).toBe(expected);
  });

  it.each([
    [false, 'SELECT * FROM t'],
    [false, 'SELECT s FROM t UNION SELECT s FROM t'],
    [false, 'SELECT s FROM (SELECT * FROM t UNION ALL SELECT * FROM t) ORDER BY s'],
    [false, 'SELECT * FROM large JOIN (SELECT i FROM t UNION ALL SELECT i FROM t) USING (i)'],
    [true, 'SELECT * FROM t UNION ALL SELECT * FROM t'],
    [true, 'SELECT upper(s) FROM (SELECT s FROM v WHERE i > $a UNION ALL SELECT s FROM large) WHERE length(s) > 1'],
    [false, 'SELECT * FROM (SELECT i FROM large UNION ALL SELECT i FROM large) JOIN t USING (i)'],
    [true, '(SELECT s FROM t ORDER BY s) UNION ALL SELECT s FROM t'],
    [
      true,
      'WITH a AS MATERIALIZED (SELECT max(i) AS m FROM t) SELECT i, (SELECT m FROM a) FROM large UNION ALL SELECT i, (SELECT m + 1 FROM a) FROM large',
    ],
    [true, 'SELECT * FROM (SELECT i FROM large UNION ALL SELECT i FROM large) AS a JOIN t AS b ON a.i < b.i'],
    [false, 'SELECT * FROM large JOIN (SELECT i FROM t UNION ALL SELECT i FROM t) AS b ON large.i < b.i'],
    [false, 'SELECT i FROM (SELECT 1 AS k, i FROM t UNION ALL SELECT 2 AS k, i FROM large) WHERE k = $a'],
  ])('collects batches of united queries: %s, for %s', async (expected, sql) => {
    expect(collectsUnited(await planOf(`COPY (${sql}) TO '${session.directory}/rows.csv'`))).toBe(expected);
  });
});

describe('a part', async () => {
  const { preview, read, warehouse } = await useWarehouse(
    "CREATE TABLE t AS SELECT 'acme' AS tenant, i FROM range(10) t(i)",
    {
      memory: '2GB',
      threads: 2,
    },
  );
  const asked = order({ window: null });
  const columns = [column('i', 'integer'), column('memory', 'text')];
  const limitOf = (rest: string) =>
    dataset({ sql: `SELECT tenant, i, current_setting('memory_limit') AS memory FROM t ${rest}`, columns });

  it.each([
    ['is read with little', '', {}, USUAL],
    ['is read with all of it if its rows are sorted', 'ORDER BY i', {}, MOST],
    ['is read with little if its rows are wide', '', { wideBytes: 1000 }, USUAL],
    ['is read with all of it if its rows are enormous', '', { wideBytes: 7000 }, MOST],
    ['after that is read with little', '', {}, USUAL],
  ])('%s', async (_, rest, width, expected) => {
    const { text, rows } = await read(limitOf(rest), asked, { ...EVERYTHING, ...width });
    expect(rows).toBe(10);
    expect(text).toContain(`9,${expected}`);
  });

  it('that is given up, fails, or cannot be opened leaves little', async () => {
    const sorted = (sql: string) => dataset({ sql: `${sql} ORDER BY i`, columns: [column('i', 'integer')] });
    const all = (set: Dataset, signal = never) => readAll(warehouse.read(set, asked, EVERYTHING, signal));
    const stop = new AbortController();
    const endless = sorted("SELECT 'acme' AS tenant, i FROM range(300000000) t(i)");
    const chunks = warehouse.read(endless, asked, EVERYTHING, stop.signal).chunks[Symbol.asyncIterator]();
    // The head comes before the rows.
    await chunks.next();
    const rows = chunks.next();
    stop.abort(new Error('cancelled'));
    await expect(rows).rejects.toThrow('cancelled');
    const failing = sorted("SELECT 'acme' AS tenant, error('no')::INTEGER AS i FROM t");
    await expect(all(failing)).rejects.toThrow();
    const unknown = dataset({ sql: 'SELECT tenant, i FROM t ORDER BY i', columns: [column('none', 'integer')] });
    await expect(all(unknown)).rejects.toMatchObject({ code: 'dataset_broken' });
    expect((await read(limitOf(''), asked)).text).toContain(`9,${USUAL}`);
  });

  it.each([
    ['with little', '', USUAL],
    ['with all of it if its rows are sorted', 'ORDER BY i', MOST],
  ])('is shown in advance %s', async (_, rest, expected) => {
    expect((await preview(limitOf(rest), asked)).first[9]).toEqual(['9', expected]);
  });
});
