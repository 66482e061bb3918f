import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWarehouse } from './duckdb.ts';
import type { Warehouse } from './warehouse.ts';
import { at, column, dataset, order, readAll, scratchDirectory } from './warehouse-fixture.ts';

const scratch = scratchDirectory();
const SNAPSHOT = at('2030-01-01');
const WHOLE = { slice: { from: null, to: null }, first: true, snapshotAt: SNAPSHOT } as const;
const never = new AbortController().signal;
let warehouse: Warehouse;

const STARTUP = `
  CREATE TABLE times (id INTEGER, tenant VARCHAR, created TIMESTAMP, modified TIMESTAMPTZ, day DATE);
  INSERT INTO times
    SELECT row_number() OVER (), 'acme', c.t::TIMESTAMP, m.t::TIMESTAMP AT TIME ZONE 'UTC', c.t::DATE
    FROM (VALUES (NULL), ('2020-01-01 00:00:00.000000'), ('2020-01-01 00:00:00.000001'), ('2020-01-01 00:00:00.000002'),
      ('2020-01-03 00:00:00.000000'), ('2020-01-03 00:00:00.000001')) c(t),
      (VALUES (NULL), ('2020-01-01 00:00:00.000000'), ('2020-01-01 00:00:00.000001'), ('2020-01-03 00:00:00.000000'),
      ('2020-01-03 00:00:00.000001')) m(t);
  CREATE TABLE big AS SELECT i AS id, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'other' END AS tenant,
    TIMESTAMP '2020-01-01' + to_seconds(i // 10) AS created,
    CASE WHEN i % 3 = 0 THEN TIMESTAMP '2020-02-01' + to_seconds(i // 10) END AS modified, 'name; of ' || i AS name
    FROM range(200000) t(i);
  CREATE TABLE tenants AS SELECT unnest(['acme', '''; DROP TABLE tenants; --', 'ACME', 'acme ', '%', '$waybill_1', '"', '',
    '007', '7']) AS tenant, 1 AS id;
  CREATE TABLE numbered AS SELECT unnest([7, 8]) AS tenant, 1 AS id;
`;

const TIMES = dataset({
  sql: 'SELECT * FROM times -- all of them',
  createdColumn: 'created',
  modifiedColumn: 'modified',
  columns: [column('id', 'integer')],
});
const BIG = dataset({
  sql: 'SELECT * FROM big;',
  createdColumn: 'created',
  modifiedColumn: 'modified',
  columns: [column('id', 'integer'), column('name', 'text'), column('created', 'timestamp')],
});

beforeAll(async () => {
  warehouse = await createWarehouse({
    startupSql: STARTUP,
    directories: [],
    installExtensions: false,
    memory: '1GB',
    threads: 2,
    tempDirectory: scratch.path,
  });
});
afterAll(async () => {
  await warehouse.close();
  scratch.remove();
});

async function ids(set: typeof TIMES, fields: Parameters<typeof order>[0], part = WHOLE): Promise<number[]> {
  const { text } = await readAll(warehouse.read(set, order({ ...fields, columns: ['id'] }), part, never));
  return text
    .trim()
    .split('\n')
    .slice(1)
    .map(Number)
    .sort((a, b) => a - b);
}

describe('the window', () => {
  const from = '2020-01-01T00:00:00.000001Z';
  const to = '2020-01-03T00:00:00.000000Z';
  // Times as the table has them: before, from, within, to, after.
  const CREATED = [
    null,
    '2020-01-01T00:00:00.000000Z',
    from,
    '2020-01-01T00:00:00.000002Z',
    to,
    '2020-01-03T00:00:00.000001Z',
  ];
  const MODIFIED = [null, '2020-01-01T00:00:00.000000Z', from, to, '2020-01-03T00:00:00.000001Z'];

  it.each(['inclusive', 'half-open'] as const)('%s takes created or modified to the microsecond', async (bounds) => {
    const inside = (time: string | null) =>
      time !== null && time >= from && (bounds === 'inclusive' ? time <= to : time < to);
    for (const [created, c] of CREATED.map((time, i) => [time, i] as const)) {
      for (const [modified, m] of MODIFIED.map((time, i) => [time, i] as const)) {
        const one = {
          ...TIMES,
          sql: `SELECT * FROM times WHERE created IS NOT DISTINCT FROM ${sqlTime(created)} AND modified IS NOT DISTINCT FROM ${sqlTime(modified)}::TIMESTAMPTZ`,
        };
        const { rows } = await readAll(
          warehouse.read(one, order({ window: { from: at(from), to: at(to), bounds } }), WHOLE, never),
        );
        expect({ created, modified, rows }, `${c}/${m}`).toEqual({
          created,
          modified,
          rows: inside(created) || inside(modified) ? 1 : 0,
        });
      }
    }
  });

  it.each([
    { from: '2020-01-01', to: '2020-01-03', bounds: 'inclusive', days: ['2020-01-01', '2020-01-03'] },
    { from: '2020-01-01', to: '2020-01-03', bounds: 'half-open', days: ['2020-01-01'] },
    { from: '2020-01-01T00:00:00.000001Z', to: '2020-01-03', bounds: 'inclusive', days: ['2020-01-03'] },
    { from: '2020-01-01', to: '2020-01-02T23:59:59.999999Z', bounds: 'inclusive', days: ['2020-01-01'] },
    { from: '2020-01-01', to: '2020-01-03T00:00:00.000001Z', bounds: 'half-open', days: ['2020-01-01', '2020-01-03'] },
  ] as const)('reads a date as its midnight: $from to $to, $bounds', async ({ from, to, bounds, days }) => {
    const set = dataset({
      sql: 'SELECT DISTINCT tenant, day FROM times WHERE day IS NOT NULL',
      createdColumn: 'day',
      columns: [column('day', 'date')],
    });
    const { text } = await readAll(
      warehouse.read(set, order({ window: { from: at(from), to: at(to), bounds } }), WHOLE, never),
    );
    expect(text.trim().split('\n').slice(1).sort()).toEqual(days);
  });

  it('leaves out what changed after the snapshot, though its creation lies in the window', async () => {
    const cut = { ...WHOLE, snapshotAt: at('2020-01-03T00:00:00Z') };
    const all = await ids(TIMES, {}, cut);
    const later = await ids(
      { ...TIMES, sql: "SELECT * FROM times WHERE coalesce(modified, created) > TIMESTAMP '2020-01-03'" },
      {},
    );
    expect(later.length).toBeGreaterThan(0);
    expect(all.filter((id) => later.includes(id))).toEqual([]);
    expect(all.length + later.length).toBe(29);
  });

  it('does not apply to a dataset without time columns', async () => {
    const set = { ...TIMES, createdColumn: null, modifiedColumn: null };
    const past = { from: at('1999-01-01'), to: at('1999-01-02'), bounds: 'inclusive' } as const;
    expect(await ids(set, { window: past }, { ...WHOLE, snapshotAt: at('1990-01-01') })).toHaveLength(30);
  });
});

function sqlTime(time: string | null): string {
  return time === null ? 'NULL' : `TIMESTAMP '${time.replace('Z', '')}'`;
}

describe('a tenant', () => {
  const set = dataset({ sql: 'SELECT * FROM tenants', columns: [column('tenant', 'text')] });

  it.each([...'acme|\'; DROP TABLE tenants; --|ACME|acme |%|$waybill_1|"|007|7'.split('|'), ''])(
    'named %j reads its own rows only',
    async (tenant) => {
      const csv = { ...order().csv, header: false };
      const { text, rows } = await readAll(warehouse.read(set, order({ tenant, format: 'jsonl', csv }), WHOLE, never));
      expect(rows).toBe(1);
      expect(JSON.parse(text)).toEqual({ tenant });
    },
  );

  it('of any other name, and with any parameter, reads none', async () => {
    const filtered = {
      ...set,
      sql: 'SELECT * FROM tenants WHERE id = $Number AND ($text IS NULL OR tenant <> $text OR tenant = $text)',
      parameters: [
        { name: 'Number', type: 'integer', required: true, title: null },
        { name: 'text', type: 'text', required: false, title: null },
      ],
    } as const;
    await fc.assert(
      fc.asyncProperty(
        fc.string({ minLength: 1, maxLength: 20, unit: 'binary' }),
        fc.string(),
        async (tenant, text) => {
          fc.pre(!tenant.includes('\0') && !text.includes('\0') && tenant !== '%' && tenant !== '"' && tenant !== '7');
          const foreign = await warehouse.plan(filtered, order({ tenant, parameters: { Number: 1, text } }), 10, never);
          expect(foreign.rows).toBe(0);
          const own = await warehouse.plan(filtered, order({ parameters: { Number: 1, text } }), 10, never);
          expect(own.rows).toBe(1);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('is compared as text where the column is a number', async () => {
    const numbered = dataset({ sql: 'SELECT * FROM numbered', columns: [column('id', 'integer')] });
    expect((await warehouse.plan(numbered, order({ tenant: '7' }), 10, never)).rows).toBe(1);
    expect((await warehouse.plan(numbered, order({ tenant: '007' }), 10, never)).rows).toBe(0);
  });
});

describe('a plan', () => {
  it('cuts parts that are exact, disjoint and, concatenated, the whole', async () => {
    const plan = await warehouse.plan(BIG, order(), 9_000, never);
    expect(plan.rows).toBe(100_000);
    expect(plan.parts.length).toBeGreaterThan(8);
    expect(plan.parts.map((part) => part.index)).toEqual(plan.parts.map((_, i) => i));
    const lines: string[] = [];
    for (const part of plan.parts) {
      const { text, rows } = await readAll(
        warehouse.read(BIG, order(), { ...part, first: part.index === 0, snapshotAt: plan.snapshotAt }, never),
      );
      expect(rows).toBe(part.rows);
      expect(rows).toBeGreaterThan(0);
      lines.push(...text.split('\n').slice(0, -1));
    }
    const whole = await readAll(warehouse.read(BIG, order(), { ...WHOLE, snapshotAt: plan.snapshotAt }, never));
    expect(lines.toSorted()).toEqual(whole.text.split('\n').slice(0, -1).toSorted());
  });

  it.each([
    { title: 'a sealed order', set: BIG, fields: { recipients: ['age1x'] } },
    { title: 'a dataset without times', set: { ...BIG, createdColumn: null, modifiedColumn: null }, fields: {} },
    {
      title: 'rows that all have one time',
      set: {
        ...BIG,
        sql: "SELECT * REPLACE (TIMESTAMP '2020-01-01' AS created, NULL::TIMESTAMP AS modified) FROM big",
      },
      fields: {},
    },
  ])('keeps all rows of $title', async ({ set, fields }) => {
    const { rows, parts } = await warehouse.plan(set, order(fields), 9_000, never);
    expect(parts.filter((part) => part.rows > 0)).toMatchObject([{ rows }]);
    expect(rows).toBe(100_000);
  });

  it('of mixed column types counts rows without a time, and dates, exactly', async () => {
    const plan = await warehouse.plan(TIMES, order(), 3, never);
    const read = await Promise.all(
      plan.parts.map((part) =>
        readAll(warehouse.read(TIMES, order(), { ...part, first: false, snapshotAt: plan.snapshotAt }, never)),
      ),
    );
    expect(read.map(({ rows }) => rows)).toEqual(plan.parts.map(({ rows }) => rows));
    expect(plan.parts.length).toBeGreaterThan(2);
    expect(plan.rows).toBe(29);
  });

  it('names the columns in the order of the order', async () => {
    const plan = await warehouse.plan(BIG, order({ columns: ['name', 'id'] }), 1_000_000, never);
    expect(plan.columns.map(({ name }) => name)).toEqual(['name', 'id']);
    await expect(warehouse.plan(BIG, order({ columns: ['nope'] }), 1, never)).rejects.toMatchObject({
      code: 'unknown_column',
    });
  });
});

describe('a stream', () => {
  const ENDLESS = dataset({
    sql: "SELECT 'acme' AS tenant, i AS id FROM range(1000000000000) t(i)",
    columns: [column('id', 'integer')],
  });
  const LATE = dataset({
    sql: "SELECT 'acme' AS tenant, CASE WHEN i = 1500000 THEN error('a late row') ELSE i END AS id FROM range(2000000) t(i)",
    columns: [column('id', 'integer')],
  });
  const pipes = () => readdirSync(scratch.path).flatMap((name) => readdirSync(join(scratch.path, name, 'pipes')));

  it('that fails at a late row never ends cleanly', async () => {
    const content = warehouse.read(LATE, order(), WHOLE, never);
    let bytes = 0;
    await expect(
      (async () => {
        for await (const chunk of content.chunks) bytes += chunk.length;
      })(),
    ).rejects.toMatchObject({ code: 'dataset_broken' });
    await expect(content.rows).rejects.toMatchObject({ code: 'dataset_broken' });
    expect(bytes).toBeGreaterThan(0);
    expect(pipes()).toEqual([]);
  });

  it.each(['before it is read', 'between two chunks', 'while the consumer waits'] as const)(
    'aborted %s rejects with the reason and leaves nothing',
    async (when) => {
      const abort = new AbortController();
      const reason = new Error('enough');
      const content = warehouse.read(
        when === 'while the consumer waits' ? { ...ENDLESS, sql: `${ENDLESS.sql} WHERE i < 0` } : ENDLESS,
        order({ csv: { ...order().csv, header: false } }),
        WHOLE,
        abort.signal,
      );
      const chunks = content.chunks[Symbol.asyncIterator]();
      if (when === 'before it is read') abort.abort(reason);
      else if (when === 'between two chunks') {
        await chunks.next();
        abort.abort(reason);
        // The query ends without anybody asking for the next chunk.
        await expect.poll(pipes, { timeout: 1000 }).toEqual([]);
      } else setImmediate(() => abort.abort(reason));
      await expect(chunks.next()).rejects.toBe(reason);
      await expect(content.rows).rejects.toBe(reason);
      expect(pipes()).toEqual([]);
    },
  );

  it('that the consumer leaves ends the query', async () => {
    const content = warehouse.read(ENDLESS, order(), WHOLE, never);
    for await (const chunk of content.chunks) if (chunk.length > 1000) break;
    await expect(content.rows).rejects.toThrow('not read to its end');
    expect(pipes()).toEqual([]);
  });

  it('does not wait for the others: six at once, the first consumer slowest', async () => {
    const contents = Array.from({ length: 6 }, () =>
      warehouse.read(BIG, order(), WHOLE, never).chunks[Symbol.asyncIterator](),
    );
    await Promise.all(contents.slice(0, 4).map((chunks) => chunks.next()));
    const counts = await Promise.all(
      contents.slice(1).map(async (chunks) => {
        let count = 0;
        for (let step = await chunks.next(); !step.done; step = await chunks.next()) count += step.value.length;
        return count;
      }),
    );
    expect(new Set(counts.slice(3)).size).toBe(1);
    await contents[0]?.return?.();
  });
});

describe('the lock-down', () => {
  const inside = join(scratch.path, 'inside.duckdb');
  it.each([
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
    "SELECT * FROM postgres_scan('host=127.0.0.1', 'public', 't')",
    'SELECT * FROM (SELECT * FROM "POSTGRES_attach"(\'host=127.0.0.1\'))',
    "SELECT * FROM query('SELECT 1')",
    "SET memory_limit = '1TB'",
    "SELECT 1 AS tenant; SET memory_limit = '1TB'",
    'SELECT 1) AS source, (SELECT 2',
    `ATTACH '${inside}' AS inside`,
    `COPY (SELECT 1) TO '${inside}'`,
    'INSTALL httpfs',
    "LOAD '/tmp/x.duckdb_extension'",
    'CREATE TABLE more (x INTEGER)',
    'DROP TABLE big',
    "SELECT getenv('HOME') AS tenant",
  ])('refuses a dataset of %s', async (sql) => {
    const set = dataset({ sql, columns: [] });
    await expect(warehouse.check([set])).rejects.toMatchObject({ code: 'dataset_broken' });
    await expect(warehouse.plan(set, order(), 10, never)).rejects.toMatchObject({ code: 'dataset_broken' });
    expect(existsSync(inside)).toBe(false);
  });
});

describe('a check', () => {
  it('names each dataset and column that does not fit', async () => {
    const sets = [
      BIG,
      dataset({ name: 'A', sql: 'SELECT 1 AS id', columns: [column('id', 'timestamp'), column('gone', 'text')] }),
      dataset({ name: 'B', sql: "SELECT 'x' AS tenant, 'y' AS at", createdColumn: 'at', columns: [] }),
      dataset({ name: 'C', sql: 'SELECT * FROM nowhere', columns: [] }),
      dataset({ name: 'D', sql: 'SELECT $x AS tenant', columns: [] }),
    ];
    const error = await warehouse.check(sets).then(String, String);
    expect(error).toContain(
      'Dataset A: the tenant column tenant is not in what the SQL selects; column id is INTEGER, which cannot be written as timestamp; column gone is not',
    );
    expect(error).toContain('Dataset B: the created column at is VARCHAR');
    expect(error).toMatch(/Dataset C: .*nowhere does not exist/);
    expect(error).toContain('Dataset D: the SQL uses $x');
    expect(error).not.toContain('THINGS');
  });

  it('passes what fits', async () => {
    await warehouse.check([BIG, TIMES]);
    await warehouse.ping();
  });
});
