import { randomUUID } from 'node:crypto';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { runPrefix } from '../contracts/keys.ts';
import { getExtension } from '../stack/extensions.ts';
import { startServers } from '../stack/servers.ts';
import { startOrStop } from '../stack/supervisor.ts';
import { objectsOptions } from '../stores/objects/minio.ts';
import { type Bench, type Benchmark, type Measurement, runPairs, secondsOf } from './benchmark.ts';
import { silent } from './deployment.ts';
import { getPrograms, peerVariables, runShell } from './peers.ts';
import { buildReadings, CATALOG, READINGS_QUERY, readingsOrder, TENANT } from './readings.ts';
import { startPartWriter } from './throughput.ts';

/** Rows from PostgreSQL to CSV in MinIO, against PostgreSQL's own client. */
export const postgresBenchmark: Benchmark = {
  name: 'postgres-copy',
  title: 'CSV from PostgreSQL into MinIO',
  run: measurePostgres,
};

/** Loading takes about as long as one run. */
const ROWS_MAX = 3_000_000;

const TABLE = `CREATE UNLOGGED TABLE readings (tenant text, id bigint, created_at timestamp, user_id bigint, status text,
  amount numeric(12, 2), score double precision, active boolean, city text, reference text, note text)`;

const LOAD = `psql -q -c "$TABLE"
"$DUCKDB" -readonly "$WAREHOUSE" -c "COPY readings TO '/dev/stdout' (FORMAT csv, HEADER false)" |
  psql -q -c '\\copy readings FROM STDIN (FORMAT csv)'
psql -q -c 'CREATE INDEX ON readings (tenant, created_at)' -c 'VACUUM ANALYZE readings'`;

const PEER = `psql -q -c "\\copy ($QUERY) TO STDOUT (FORMAT csv, HEADER)" | "$MC" --quiet pipe "$BUCKET/$OBJECT"`;

async function measurePostgres(bench: Bench): Promise<Measurement> {
  const { directory, environment, signal } = bench;
  const rows = Math.min(bench.rows, ROWS_MAX);
  const { duckdb } = await getPrograms(bench, ['duckdb']);
  const warehouse = await buildReadings({ ...bench, rows });
  const extension = await getExtension('postgres_scanner', { environment, report: bench.report, signal });
  // If this process is root, PostgreSQL runs as another user and must reach its data.
  await chmod(directory, 0o711);
  await using servers = await startOwnServers(bench);
  const { settings } = servers;
  const url = new URL(settings.WAYBILL_LEDGER_URL);
  const objects = objectsOptions(settings);
  const database = url.pathname.slice(1);
  const variables = {
    ...(await peerVariables(bench, objects, '')),
    ...{ PGHOST: url.hostname, PGPORT: url.port, PGUSER: url.username, PGPASSWORD: url.password, PGDATABASE: database },
    ...{ DUCKDB: duckdb, WAREHOUSE: warehouse, TABLE, QUERY: `${READINGS_QUERY} WHERE tenant = '${TENANT}'` },
  };
  await runShell(LOAD, variables, signal);
  await using writer = await startPartWriter(bench, {
    catalog: CATALOG,
    startupSql: `LOAD '${extension}';
      CREATE SECRET (TYPE postgres, HOST '${url.hostname}', PORT ${url.port}, USER '${url.username}',
        PASSWORD '${url.password}', DATABASE '${database}');
      ATTACH '' AS bench (TYPE postgres, READ_ONLY)`,
    memory: '2GB',
    tempDirectory: directory,
    objects,
  });
  const order = readingsOrder({ rows, format: 'csv', compression: 'none', recipients: [] });
  const lines = { ours: '', peer: '' };
  const count = (object: string) =>
    runShell('"$MC" cat "$BUCKET/$OBJECT" | wc -lc', { ...variables, OBJECT: object }, signal);
  const remove = (object: string) =>
    runShell('"$MC" rm --quiet "$BUCKET/$OBJECT"', { ...variables, OBJECT: object }, signal);
  const pairs = await runPairs(bench, 'seconds', {
    async ours(warmUp) {
      const exportId = randomUUID();
      const { seconds, part } = await writer.write({ order, exportId, rows });
      const object = runPrefix({ kind: 'on-demand', tenant: TENANT, runId: exportId }) + part.name;
      if (warmUp) lines.ours = await count(object);
      await remove(object);
      return seconds;
    },
    async peer(warmUp) {
      const object = `peer/${randomUUID()}`;
      const seconds = await secondsOf(() => runShell(PEER, { ...variables, OBJECT: object }, signal));
      if (warmUp) lines.peer = await count(object);
      await remove(object);
      return seconds;
    },
  });
  const [ours, peer] = [lines.ours, lines.peer].map((counted) => counted.trim().split(/\s+/)[0]);
  if (ours !== String(rows + 1) || ours !== peer) throw new Error(`ours has ${ours} lines, the peer ${peer}`);
  const bytesOf = (counted: string) => Number(counted.trim().split(/\s+/)[1]);
  return {
    unit: 'seconds',
    ours: { what: 'the activity writePart, from an attached PostgreSQL', bytes: bytesOf(lines.ours) },
    peer: { what: 'psql \\copy | mc pipe', bytes: bytesOf(lines.peer) },
    pairs,
    ratio: { kind: 'speed', target: 0.8 },
    notes: [
      `${rows.toLocaleString('en')} rows; lines and bytes of ours ${lines.ours.trim()}, of the peer ${lines.peer.trim()}`,
    ],
  };
}

async function startOwnServers(bench: Bench) {
  const { directory, environment, signal } = bench;
  const servers = await startServers({
    ...{ ports: 'free', dataDirectory: join(directory, 'servers'), environment, signal },
    ...{ ...silent(bench), report: () => undefined },
  });
  return startOrStop(servers, signal, async () => ({ ...servers, [Symbol.asyncDispose]: () => servers.stop() }));
}
