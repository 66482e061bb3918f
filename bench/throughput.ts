import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runPrefix } from '../contracts/keys.ts';
import type { Compression, Format } from '../contracts/order.ts';
import { generateKey } from '../streams/age/keys.ts';
import { type Bench, type Benchmark, createResult } from './benchmark.ts';
import { clientVariables, startObjectServer } from './object-server.ts';
import { runPairs, secondsOf } from './pairs.ts';
import { startPartWriter } from './part-writer-process.ts';
import { getPrograms } from './peers.ts';
import { attachSql, buildReadings, CATALOG, READINGS_QUERY, readingsOrder, TENANT } from './readings.ts';
import { runShell } from './shell.ts';
import { pairLine } from './table.ts';

interface Kind {
  readonly name: string;
  readonly title: string;
  readonly format: Exclude<Format, 'parquet'>;
  readonly compression: Extract<Compression, 'none' | 'zstd'>;
  /** Minimum ratio. */
  readonly target: number;
}

/** Rows from the warehouse to a sealed object in MinIO, against a pipeline of stock commands. */
export const throughputBenchmarks: readonly Benchmark[] = [
  { name: 'throughput-csv', title: 'Sealed CSV into MinIO', format: 'csv', compression: 'none', target: 1.15 },
  {
    name: 'throughput-csv-zstd',
    title: 'Sealed CSV with zstd into MinIO',
    format: 'csv',
    compression: 'zstd',
    target: 1,
  },
  { name: 'throughput-jsonl', title: 'Sealed JSONL into MinIO', format: 'jsonl', compression: 'none', target: 1.15 },
].map((kind) => createThroughput(kind as Kind));

const PEER_FORMAT = { csv: 'FORMAT csv, HEADER', jsonl: 'FORMAT json' } as const;

/** DuckDB's `memory_limit`, the worker's default. The peer has DuckDB's own default, most of the machine. */
const MEMORY = '2GB';

function createThroughput(kind: Kind): Benchmark {
  return { name: kind.name, title: kind.title, run: (bench) => compare(bench, kind) };
}

async function compare(bench: Bench, kind: Kind) {
  const { directory, environment, signal, rows, runs, report } = bench;
  const programs = await getPrograms(bench, ['duckdb', 'age', 'mc']);
  const warehouse = await buildReadings(bench);
  await using objectServer = await startObjectServer(bench);
  const { server } = objectServer;
  await using writer = await startPartWriter(bench, {
    catalog: CATALOG,
    startupSql: attachSql(warehouse),
    memory: MEMORY,
    tempDirectory: directory,
    objects: server,
  });
  const key = await generateKey({ postQuantum: false });
  const identityFile = join(directory, 'identity.txt');
  await writeFile(identityFile, `${key.identity}\n`, { mode: 0o600 });
  const order = readingsOrder({ rows, ...kind, recipients: [key.recipient] });
  const content = { ours: 0, peer: 0 };

  const variables = {
    PATH: environment.PATH,
    ...clientVariables(server, directory),
    DUCKDB: programs.duckdb,
    AGE: programs.age,
    MC: programs.mc,
    WAREHOUSE: warehouse,
    COPY: `COPY (${READINGS_QUERY}) TO '/dev/stdout' (${PEER_FORMAT[kind.format]})`,
    RECIPIENT: key.recipient,
    IDENTITY: identityFile,
  };
  const shell = (script: string, object: string) =>
    runShell(script, { ...variables, OBJECT: `bench/${server.bucket}/${object}` }, signal);
  const [squeeze, unsqueeze] = kind.compression === 'zstd' ? [' | zstd -1 -q', ' | zstd -dc -q'] : ['', ''];

  /** Opens an object by the stock commands and counts its lines. @returns bytes of its content */
  async function check(object: string): Promise<number> {
    const out = await shell(`"$MC" cat "$OBJECT" | "$AGE" -d -i "$IDENTITY"${unsqueeze} | wc -lc`, object);
    const [lines, bytes] = out.trim().split(/\s+/).map(Number);
    const expected = kind.format === 'csv' ? rows + 1 : rows;
    if (lines !== expected) throw new Error(`${object} has ${lines} lines; ${expected} were expected`);
    return bytes ?? 0;
  }
  const remove = (object: string) => shell('"$MC" rm --quiet "$OBJECT"', object);

  const pairs = await runPairs(
    runs,
    {
      async ours(warmUp) {
        const exportId = randomUUID();
        const { seconds, part } = await writer.write({ order, exportId, rows });
        const object = runPrefix({ kind: 'on-demand', tenant: TENANT, runId: exportId }) + part.name;
        if (warmUp) content.ours = await check(object);
        await remove(object);
        return seconds;
      },
      async peer(warmUp) {
        const object = `peer/${randomUUID()}`;
        const pipeline = `"$DUCKDB" -readonly "$WAREHOUSE" -c "$COPY"${squeeze} | "$AGE" -r "$RECIPIENT" | "$MC" --quiet pipe "$OBJECT"`;
        const seconds = await secondsOf(() => shell(pipeline, object));
        if (warmUp) content.peer = await check(object);
        await remove(object);
        return seconds;
      },
    },
    (number, pair) => report(pairLine('seconds', runs, number, pair)),
  );
  return createResult({
    ...kind,
    unit: 'seconds',
    ours: { what: 'the activity writePart', bytes: content.ours },
    peer: { what: `duckdb COPY${squeeze} | age | mc pipe`, bytes: content.peer },
    pairs,
    ratio: { kind: 'speed', target: kind.target },
    notes: [
      `${rows.toLocaleString('en')} rows on both sides, checked with age -d; content of ours ${content.ours.toLocaleString('en')} ` +
        `bytes, of the peer ${content.peer.toLocaleString('en')}: the ratio is of the time for the same rows`,
    ],
  });
}
