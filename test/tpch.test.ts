import { chmod, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { Client } from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { getExtension } from '../stack/extensions.ts';
import { literal } from '../stores/warehouse/sql-text.ts';
import { temporaryFolder, writeCatalog } from './cleanup.ts';
import { type OwnServices, openLedger, startOwnServices } from './context.ts';
import { ALWAYS, createOnDemandClient } from './on-demand-client.ts';
import { createPeriodicClient, enableAndWait, type PeriodicClient } from './periodic-client.ts';
import { readCsv } from './periodic-csv.ts';
import { attachPostgres, startPostgres } from './postgres-server.ts';

/** TPC-H's scale factor: 300,000 rows of `lineitem`. */
const SCALE = 0.05;
/** The nation of TPC-H whose rows are exported; a tenant's key could not be that. */
const NATION = 'GERMANY';

/**
 * TPC-H's tables and their types. Source: TPC-H specification, 1.4. Each has a view with a column `tenant`, the name of a
 * nation: that of the customer or supplier that the row belongs to, or every nation where there is none.
 */
const TABLES: Readonly<Record<string, { readonly columns: string; readonly view: string }>> = {
  nation: {
    columns: 'n_nationkey integer, n_name text, n_regionkey integer, n_comment text',
    view: 'SELECT n_name AS tenant, nation.* FROM nation',
  },
  region: {
    columns: 'r_regionkey integer, r_name text, r_comment text',
    view: 'SELECT n_name AS tenant, region.* FROM region, nation',
  },
  part: {
    columns: `p_partkey bigint, p_name text, p_mfgr text, p_brand text, p_type text, p_size integer, p_container text,
      p_retailprice numeric(15,2), p_comment text`,
    view: 'SELECT n_name AS tenant, part.* FROM part, nation',
  },
  supplier: {
    columns: `s_suppkey bigint, s_name text, s_address text, s_nationkey integer, s_phone text, s_acctbal numeric(15,2),
      s_comment text`,
    view: 'SELECT n_name AS tenant, supplier.* FROM supplier JOIN nation ON s_nationkey = n_nationkey',
  },
  partsupp: {
    columns: 'ps_partkey bigint, ps_suppkey bigint, ps_availqty bigint, ps_supplycost numeric(15,2), ps_comment text',
    view: `SELECT n_name AS tenant, partsupp.* FROM partsupp JOIN supplier ON ps_suppkey = s_suppkey
      JOIN nation ON s_nationkey = n_nationkey`,
  },
  customer: {
    columns: `c_custkey bigint, c_name text, c_address text, c_nationkey integer, c_phone text, c_acctbal numeric(15,2),
      c_mktsegment text, c_comment text`,
    view: 'SELECT n_name AS tenant, customer.* FROM customer JOIN nation ON c_nationkey = n_nationkey',
  },
  orders: {
    columns: `o_orderkey bigint, o_custkey bigint, o_orderstatus text, o_totalprice numeric(15,2), o_orderdate date,
      o_orderpriority text, o_clerk text, o_shippriority integer, o_comment text`,
    view: `SELECT n_name AS tenant, orders.* FROM orders JOIN customer ON o_custkey = c_custkey
      JOIN nation ON c_nationkey = n_nationkey`,
  },
  lineitem: {
    columns: `l_orderkey bigint, l_partkey bigint, l_suppkey bigint, l_linenumber bigint, l_quantity numeric(15,2),
      l_extendedprice numeric(15,2), l_discount numeric(15,2), l_tax numeric(15,2), l_returnflag text,
      l_linestatus text, l_shipdate date, l_commitdate date, l_receiptdate date, l_shipinstruct text, l_shipmode text,
      l_comment text`,
    view: `SELECT n_name AS tenant, lineitem.* FROM lineitem JOIN orders ON l_orderkey = o_orderkey
      JOIN customer ON o_custkey = c_custkey JOIN nation ON c_nationkey = n_nationkey`,
  },
};
const NAMES = Object.keys(TABLES);

const CATALOG_TYPES: Readonly<Record<string, string>> = { bigint: 'integer', 'numeric(15,2)': 'decimal' };

function columnsOf(name: string): readonly (readonly [string, string])[] {
  const { columns = '' } = TABLES[name] ?? {};
  return columns.split(/, (?!2)|,\n/).map((column) => column.trim().split(' ') as [string, string]);
}

function datasetOf(name: string): string {
  const columns = columnsOf(name).map(([column, type]) => `${column}: ${CATALOG_TYPES[type] ?? type}`);
  return `
  - name: ${name}
    title: TPC-H ${name}
    doors: [on-demand, periodic]
    sql: SELECT * FROM wh.export_${name}
    tenant_column: tenant
    columns: [${columns.join(', ')}]`;
}

let services: OwnServices;
let periodic: PeriodicClient;
let privateKey: string;
/** The nation's rows of each table, as PostgreSQL's COPY writes them. */
const copied = new Map<string, readonly string[]>();

/** Every row as JSON, sorted: the two writers do not quote the same values. */
function rowsOf(csv: string): readonly string[] {
  return readCsv(csv)
    .map((row) => JSON.stringify(row))
    .sort();
}

beforeAll(async () => {
  const options = { environment: process.env, report: () => undefined, signal: new AbortController().signal };
  const [tpch, scanner] = [await getExtension('tpch', options), await getExtension('postgres_scanner', options)];
  const folder = await temporaryFolder();
  // As root, the server runs as another user.
  await chmod(folder, 0o777);
  const instance = await DuckDBInstance.create();
  const duckdb = await instance.connect();
  await duckdb.run(`LOAD ${literal(tpch)}`);
  await duckdb.run(`CALL dbgen(sf = ${SCALE})`);
  const server = await startPostgres();
  const url = new URL(await server.createDatabase());
  const client = new Client({ connectionString: url.href });
  await client.connect();
  for (const name of NAMES) {
    const { columns, view } = TABLES[name] ?? {};
    const from = join(folder, `${name}.csv`);
    await duckdb.run(`COPY ${name} TO ${literal(from)} (FORMAT csv, HEADER false)`);
    await client.query(`CREATE TABLE ${name} (${columns})`);
    await client.query(`COPY ${name} FROM ${literal(from)} (FORMAT csv)`);
    await client.query(`CREATE VIEW export_${name} AS ${view}`);
  }
  duckdb.disconnectSync();
  instance.closeSync();
  await client.query('ANALYZE');
  const results = join(folder, 'results');
  await mkdir(results);
  await chmod(results, 0o777);
  for (const name of NAMES) {
    const to = join(results, `${name}.csv`);
    const columns = columnsOf(name).map(([column]) => column);
    await client.query(
      `COPY (SELECT ${columns.join(', ')} FROM export_${name} WHERE tenant = '${NATION}') TO ${literal(to)} (FORMAT csv, HEADER)`,
    );
    copied.set(name, rowsOf(await readFile(to, 'utf8')));
  }
  await client.end();

  services = await startOwnServices({
    ...(await writeCatalog(`datasets:${NAMES.map(datasetOf).join('')}\n`)),
    WAYBILL_WAREHOUSE_SQL: attachPostgres(url, scanner),
  });
  await openLedger(services.settings).tenants.setWarehouseKey('dreambuilder', NATION);
  periodic = createPeriodicClient(services.url, 'dreambuilder-demo-secret');
  ({ privateKey } = await enableAndWait(periodic));
});

it('TPC-H has rows of the nation in every table', () => {
  const counts = Object.fromEntries([...copied].map(([name, lines]) => [name, lines.length]));
  expect(counts).toMatchObject({ nation: 1, region: 5, part: 10_000 });
  expect(counts.lineitem).toBeGreaterThan(5_000);
});

describe.each(NAMES)('TPC-H %s in PostgreSQL', (name) => {
  it('comes on demand, row for row as COPY writes it', async () => {
    const client = createOnDemandClient(services.url, 'dreambuilder');
    const id = await client.order({ ...ALWAYS, exportType: name, format: 'CSV' });
    expect(await client.ended(id)).toMatchObject({ state: 'completed' });
    expect(rowsOf((await client.file(id)).toString())).toEqual(copied.get(name));
  });

  it('comes periodically, row for row as COPY writes it', async () => {
    const file = await periodic.download(`file=${name}&fileType=csv`, privateKey);
    expect(rowsOf(file.toString())).toEqual(copied.get(name));
  });
});
