import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { runPrefix } from '../contracts/keys.ts';
import type { Compression, Format } from '../contracts/order.ts';
import { getExtension } from '../stack/extensions.ts';
import type { ObjectsOptions } from '../stores/objects/connection.ts';
import { generateKey } from '../streams/age/keys.ts';
import { type Bench, type Benchmark, type Measurement, runPairs } from './benchmark.ts';
import { bareEnvironment, startObjectServer, withServers } from './deployment.ts';
import type { WriterReply, WriterRequest, WriterSettings, Written } from './part-writer.ts';
import { getPrograms, peerVariables, runShell, timeShell } from './peers.ts';
import { attachSql, buildReadings, CATALOG, READINGS_QUERY, readingsOrder, TENANT } from './readings.ts';

interface Kind {
  readonly name: string;
  readonly title: string;
  /** CSV and JSONL are sealed, Parquet is not. */
  readonly format: Extract<Format, 'csv' | 'jsonl' | 'parquet'>;
  readonly compression: Extract<Compression, 'none' | 'zstd'>;
  /** Minimum ratio. */
  readonly target: number;
  readonly limitedBy: string;
}

const FORMATTING = 'DuckDB, whose formatting takes most of the CPU seconds';
const ENCODING = "DuckDB's encoding of Parquet on both sides, and the second query that sums our rows";

/** Rows from the warehouse to an object in MinIO, against stock commands: a pipeline that seals, or DuckDB's own S3 writer. */
export const throughputBenchmarks: readonly Benchmark[] = (
  [
    {
      name: 'throughput-csv',
      title: 'Sealed CSV into MinIO',
      format: 'csv',
      compression: 'none',
      target: 1.4,
      limitedBy: FORMATTING,
    },
    {
      name: 'throughput-csv-zstd',
      title: 'Sealed CSV with zstd into MinIO',
      format: 'csv',
      compression: 'zstd',
      target: 1.35,
      limitedBy: FORMATTING,
    },
    {
      name: 'throughput-jsonl',
      title: 'Sealed JSONL into MinIO',
      format: 'jsonl',
      compression: 'none',
      target: 1.4,
      limitedBy: FORMATTING,
    },
    {
      name: 'throughput-parquet',
      title: 'Parquet into MinIO',
      format: 'parquet',
      compression: 'none',
      target: 1,
      limitedBy: ENCODING,
    },
  ] satisfies readonly Kind[]
).map((kind) => ({ name: kind.name, title: kind.title, run: (bench) => compare(bench, kind) }));

const PEER_FORMAT = { csv: 'FORMAT csv, HEADER', jsonl: 'FORMAT json' } as const;

/** Before each statement of DuckDB about the bucket; the keys come from variables that other users cannot see. */
const S3 = `LOAD '$HTTPFS'; CREATE SECRET (TYPE s3, KEY_ID getenv('S3_KEY_ID'), SECRET getenv('S3_SECRET'), ENDPOINT '$S3_ENDPOINT',
  REGION '$S3_REGION', URL_STYLE 'path', USE_SSL false);`;

/** The most memory that our DuckDB may use, the worker's default. The peer has DuckDB's own default, most of the machine. */
const MEMORY = '2GB';

async function compare(bench: Bench, kind: Kind): Promise<Measurement> {
  const { rows, signal } = bench;
  const { duckdb } = await getPrograms(bench, ['duckdb']);
  const warehouse = await buildReadings(bench);
  await using server = await startObjectServer(bench);
  await using writer = await startPartWriter(bench, {
    catalog: CATALOG,
    startupSql: attachSql(warehouse),
    memory: MEMORY,
    tempDirectory: bench.directory,
    objects: server.objects,
  });
  const key = await generateKey({ postQuantum: false });
  const isSealed = kind.format !== 'parquet';
  const order = readingsOrder({ rows, ...kind, recipients: isSealed ? [key.recipient] : [] });
  const content = { ours: 0, peer: 0 };

  const variables = {
    ...(await peerVariables(bench, server.objects, key.identity)),
    DUCKDB: duckdb,
    WAREHOUSE: warehouse,
    ...(kind.format === 'parquet'
      ? await s3Variables(bench, server.objects)
      : { COPY: `COPY (${READINGS_QUERY}) TO '/dev/stdout' (${PEER_FORMAT[kind.format]})` }),
    RECIPIENT: key.recipient,
  };
  const shell = (script: string, object: string) => runShell(script, { ...variables, OBJECT: object }, signal);
  const [squeeze, unsqueeze] = kind.compression === 'zstd' ? [' | zstd -1 -q', ' | zstd -dc -q'] : ['', ''];
  const sealing = `"$DUCKDB" -readonly "$WAREHOUSE" -c "$COPY"${squeeze} | "$AGE" -r "$RECIPIENT" | "$MC" --quiet pipe "$BUCKET/$OBJECT"`;
  const copying = `"$DUCKDB" -readonly "$WAREHOUSE" -c "${S3} COPY (${READINGS_QUERY}) TO 's3://$S3_BUCKET/$OBJECT' (FORMAT parquet, COMPRESSION zstd)"`;
  const pipeline = isSealed ? sealing : copying;

  /** Opens an object by the stock commands and counts its rows. @returns bytes of its content */
  async function check(object: string): Promise<number> {
    if (!isSealed) return checkParquet(object);
    const out = await shell(`"$MC" cat "$BUCKET/$OBJECT" | "$AGE" -d -i "$IDENTITY"${unsqueeze} | wc -lc`, object);
    const [lines, bytes] = out.trim().split(/\s+/).map(Number);
    const expected = kind.format === 'csv' ? rows + 1 : rows;
    if (lines !== expected) throw new Error(`${object} has ${lines} lines; ${expected} were expected`);
    return bytes ?? 0;
  }
  async function checkParquet(object: string): Promise<number> {
    const count = `SELECT count(*) FROM read_parquet('s3://$S3_BUCKET/$OBJECT')`;
    const out = await shell(
      `"$DUCKDB" -noheader -csv -c "${S3} ${count}"; "$MC" cat "$BUCKET/$OBJECT" | wc -c`,
      object,
    );
    // The secret that was created comes first.
    const [bytes, found] = out.trim().split(/\s+/).map(Number).reverse();
    if (found !== rows) throw new Error(`${object} has ${found} rows; ${rows} were expected`);
    return bytes ?? 0;
  }
  const remove = (object: string) => shell('"$MC" rm --quiet "$BUCKET/$OBJECT"', object);

  const pairs = await runPairs(bench, 'seconds', {
    async ours(warmUp) {
      const exportId = randomUUID();
      let object = runPrefix({ kind: 'on-demand', tenant: TENANT, runId: exportId });
      const timed = await withServers([server.server], async () => {
        const { part, ...taken } = await writer.write({ order, exportId, rows });
        object += part.name;
        return taken;
      });
      if (warmUp) content.ours = await check(object);
      await remove(object);
      return timed;
    },
    async peer(warmUp) {
      const object = `peer/${randomUUID()}`;
      const timed = await withServers([server.server], () =>
        timeShell(pipeline, { ...variables, OBJECT: object }, signal),
      );
      if (warmUp) content.peer = await check(object);
      await remove(object);
      return timed;
    },
  });
  return {
    unit: 'seconds',
    ours: { what: 'the activity writePart', bytes: content.ours },
    peer: { what: isSealed ? `duckdb COPY${squeeze} | age | mc pipe` : "duckdb COPY TO 's3://…'", bytes: content.peer },
    pairs,
    ratio: { kind: 'speed', target: kind.target },
    limitedBy: kind.limitedBy,
    notes: [
      `${rows.toLocaleString('en')} rows on both sides, checked with ${isSealed ? 'age -d' : 'DuckDB'}; content of ours ${content.ours.toLocaleString('en')} ` +
        `bytes, of the peer ${content.peer.toLocaleString('en')}: the ratio is of the time for the same rows`,
    ],
  };
}

/** What the statements of {@link S3} need. */
async function s3Variables(bench: Bench, { url, region, bucket, accessKey, secretKey }: ObjectsOptions) {
  return {
    HTTPFS: await getExtension('httpfs', bench),
    S3_KEY_ID: accessKey,
    S3_SECRET: secretKey,
    S3_REGION: region,
    S3_BUCKET: bucket,
    S3_ENDPOINT: new URL(url).host,
  };
}

/** Threads of libuv's pool, as the stack's worker has them. */
const THREADS = '16';

/** Starts a process that writes parts as a worker does: the same activity, adapters, thread pool and memory limit. */
export async function startPartWriter(bench: Bench, settings: WriterSettings) {
  const child = fork(fileURLToPath(import.meta.resolve('./part-writer.ts')), {
    env: { UV_THREADPOOL_SIZE: THREADS, ...bareEnvironment(bench) },
    signal: bench.signal,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`The part writer ended with ${String(code ?? signal)}.`);
  });
  // Not `close`, which is never emitted if this side closed the channel. Rejects the pending request.
  ended.catch(() => undefined);

  async function ask(message: WriterSettings | WriterRequest): Promise<Written | undefined> {
    const reply = once(child, 'message');
    child.send(message);
    const [answer] = (await Promise.race([reply, ended])) as [WriterReply];
    if (answer.failure !== undefined) throw new Error(`A part could not be written: ${answer.failure}`);
    return answer.written;
  }

  async function end(): Promise<void> {
    if (child.connected) child.disconnect();
    await ended.catch(() => undefined);
  }

  try {
    await ask(settings);
  } catch (error) {
    await end();
    throw error;
  }
  return {
    async write(request: WriterRequest): Promise<Written> {
      const written = await ask(request);
      if (!written) throw new Error('The part writer wrote nothing.');
      return written;
    },
    [Symbol.asyncDispose]: end,
  };
}
