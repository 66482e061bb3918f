import { fork } from 'node:child_process';
import { once } from 'node:events';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { pythonWith } from '../stack/python.ts';
import { type Bench, type Benchmark, type Measurement, runPairs } from './benchmark.ts';
import { bareEnvironment } from './deployment.ts';
import { buildInterviews, INTERVIEWS_QUERY } from './interviews.ts';
import { summarise } from './report.ts';
import type { StatisticsFormat, StatisticsReply, StatisticsRequest, StatisticsSettings } from './statistics-writer.ts';

/** Files of SPSS and Stata from DuckDB, against ReadStat, which writes them from a table in memory. */
export const statisticsFilesBenchmarks: readonly Benchmark[] = [
  { name: 'statistics-sav', title: 'System file of SPSS from DuckDB', run: (bench) => measure(bench, 'sav') },
  { name: 'statistics-dta', title: 'File of Stata from DuckDB', run: (bench) => measure(bench, 'dta') },
];

const ROWS_MAX = 1_000_000;
/** Tables for the peaks of memory, in times of the rows: both fill DuckDB's cache of the warehouse. */
const FEW = 5;
const MANY = 20;

/** DuckDB of the version that wrote the table. */
const PACKAGES = [
  'readstat-arrow==2026.10.20.0',
  'pyarrow==26.0.1',
  'duckdb==1.5.5',
  'pyreadstat==1.3.7',
  'pandas==3.1.1',
];

/**
 * Reads the table into memory, then writes it once for each line, which names writer, format and file, and answers with the seconds that
 * the writing alone took. ReadStat has no decimals, so those are doubles.
 */
const PEER = `
import json, resource, sys, time
import duckdb, pyarrow, pyreadstat, readstat_arrow
connection = duckdb.connect(sys.argv[1], read_only=True)
connection.execute('SET enable_progress_bar = false')
table = connection.sql(sys.argv[2]).to_arrow_table()
for i, field in enumerate(table.schema):
    if pyarrow.types.is_decimal(field.type):
        table = table.set_column(i, field.name, table.column(i).cast(pyarrow.float64()))
frame = None
print(json.dumps({}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    sav = request['format'] == 'sav'
    if request['writer'] == 'pyreadstat':
        frame = table.to_pandas() if frame is None else frame
        start = time.monotonic()
        pyreadstat.write_sav(frame, request['file'], row_compress=True) if sav else pyreadstat.write_dta(frame, request['file'], version=15)
    elif sav:
        start = time.monotonic()
        readstat_arrow.write_sav(request['file'], table, compression='rows')
    else:
        start = time.monotonic()
        readstat_arrow.write_dta(request['file'], table)
    seconds = time.monotonic() - start
    print(json.dumps({'seconds': seconds, 'peak': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}), flush=True)
`;

async function measure(bench: Bench, format: StatisticsFormat): Promise<readonly Measurement[]> {
  const rows = Math.min(bench.rows, ROWS_MAX);
  return [await compare(bench, format, rows), await compareMemory(bench, format, rows)];
}

/** Whether the memory of a process that writes one file grows with its rows. */
async function compareMemory(bench: Bench, format: StatisticsFormat, rows: number): Promise<Measurement> {
  const few = await peakOf(bench, FEW * rows, format);
  const many = await peakOf(bench, MANY * rows, format);
  const what = (times: number) => `a process that wrote one file of ${(times * rows).toLocaleString('en')} rows`;
  return {
    ...{ part: 'memory', unit: 'MiB' },
    ours: { what: what(MANY), bytes: null },
    peer: { what: what(FEW), bytes: null },
    pairs: [{ ours: many, peer: few }],
    ratio: { kind: 'size', target: 1.1 },
    limitedBy: "DuckDB's cache of the warehouse, up to its usual memory",
    notes: [],
  };
}

async function compare(bench: Bench, format: StatisticsFormat, rows: number): Promise<Measurement> {
  const warehouse = await buildInterviews(bench, rows);
  const file = (name: string) => join(bench.directory, `${name}.${format}`);
  await using peer = await startPeer(bench, warehouse);
  await using ours = await startWriter(bench, { warehouse, tempDirectory: bench.directory });
  const bytes = { ours: 0, peer: 0 };
  let peak = 0;
  let peerPeak = 0;
  const pairs = await runPairs(bench, 'seconds', {
    async ours() {
      const written = await ours.write({ format, file: file('ours') });
      peak = written.peak;
      bytes.ours = (await stat(file('ours'))).size;
      return written.seconds;
    },
    async peer() {
      const written = await peer.write({ writer: 'readstat-arrow', format, file: file('peer') });
      peerPeak = written.peak;
      bytes.peer = (await stat(file('peer'))).size;
      return written.seconds;
    },
  });
  const other = await peer.write({ writer: 'pyreadstat', format, file: file('other') });
  for (const name of ['ours', 'peer', 'other']) await rm(file(name), { force: true });
  const oursMedian = summarise(pairs.map((pair) => pair.ours)).median;
  return {
    unit: 'seconds',
    ours: { what: 'DuckDB’s vectors, measured, read and encoded', bytes: bytes.ours },
    peer: { what: 'readstat-arrow, from an Arrow table in memory', bytes: bytes.peer },
    pairs,
    ratio: { kind: 'speed', target: 1 },
    limitedBy: 'DuckDB, whose results the event loop waits for half of the time',
    notes: [
      `${rows.toLocaleString('en')} rows of 21 columns on both sides; ours includes reading them from DuckDB, the peer's time does not`,
      `pyreadstat, from a pandas table in memory: ${other.seconds.toFixed(2)} s, ${(other.seconds / oursMedian).toFixed(1)} times ours`,
      `peak memory of ours: ${peak.toFixed(0)} MiB after ${bench.runs + 1} files; of the peer: ${peerPeak.toFixed(0)} MiB`,
    ],
  };
}

/** @returns the peak of a process of its own that writes one file, in MiB */
async function peakOf(bench: Bench, rows: number, format: StatisticsFormat): Promise<number> {
  const warehouse = await buildInterviews(bench, rows);
  const file = join(bench.directory, `peak.${format}`);
  await using writer = await startWriter(bench, { warehouse, tempDirectory: bench.directory });
  try {
    return (await writer.write({ format, file })).peak;
  } finally {
    await rm(file, { force: true });
  }
}

interface Written {
  readonly seconds: number;
  /** Of the process until now, in MiB. */
  readonly peak: number;
}

function writtenOf({ seconds, peak, failure }: StatisticsReply): Written {
  if (seconds === undefined || peak === undefined) throw new Error(`A file could not be written: ${failure}`);
  return { seconds, peak };
}

/** Threads of libuv's pool, as the stack's worker has them. */
const THREADS = '16';

async function startWriter(bench: Bench, settings: StatisticsSettings) {
  const child = fork(fileURLToPath(import.meta.resolve('./statistics-writer.ts')), {
    env: { UV_THREADPOOL_SIZE: THREADS, ...bareEnvironment(bench) },
    signal: bench.signal,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`The writer ended with ${String(code ?? signal)}.`);
  });
  ended.catch(() => undefined);

  async function ask(message: StatisticsSettings | StatisticsRequest): Promise<StatisticsReply> {
    const reply = once(child, 'message');
    child.send(message);
    const [answer] = (await Promise.race([reply, ended])) as [StatisticsReply];
    if (answer.failure !== undefined) throw new Error(`A file could not be written: ${answer.failure}`);
    return answer;
  }
  await ask(settings);
  return {
    write: async (request: StatisticsRequest) => writtenOf(await ask(request)),
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect();
      await ended.catch(() => undefined);
    },
  };
}

async function startPeer(bench: Bench, warehouse: string) {
  const python = await pythonWith(PACKAGES);
  const child = execa(python, ['-c', PEER, warehouse, INTERVIEWS_QUERY], {
    ...{ env: { ...bareEnvironment(bench) }, extendEnv: false, buffer: false, stderr: 'inherit' },
    cancelSignal: bench.signal,
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  async function answer(): Promise<StatisticsReply> {
    const { value, done } = await lines.next();
    if (done) throw new Error('The peer ended.');
    return JSON.parse(value) as StatisticsReply;
  }
  await answer();
  return {
    async write(request: StatisticsRequest & { readonly writer: 'readstat-arrow' | 'pyreadstat' }) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      return writtenOf(await answer());
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await child;
    },
  };
}
