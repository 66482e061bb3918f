import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeJobId } from '../contracts/job-id.ts';
import type { RunningServers } from '../stack/servers.ts';
import { startToxiproxy } from '../stack/toxiproxy.ts';
import { generateKey } from '../streams/age/keys.ts';
import { type Bench, type Benchmark, type Measurement, runPairs, secondsOf } from './benchmark.ts';
import { bareEnvironment, type Deployment, deploy } from './deployment.ts';
import { runShell } from './peers.ts';
import { CATALOG, readingTime, TENANT } from './readings.ts';

/** A sealed export as four files against one, over connections to the object store of which each is slow. */
export const severalFilesBenchmarks: readonly Benchmark[] = [
  {
    name: 'several-files',
    title: 'Write a sealed export as four files instead of one',
    run: async (bench) => ({
      // At 10 MB/s the two processors would be the limit of four files.
      ...(await measure(bench, { rowsMax: 2_000_000, rate: 4_000, run: orderToEnd })),
      limitedBy: 'the connections',
    }),
  },
  {
    name: 'several-files-download',
    title: 'Download a sealed export of four files instead of one',
    run: async (bench) => ({
      ...(await measure(bench, { rowsMax: 2_000_000, rate: 10_000, run: download })),
      limitedBy: 'the connections',
    }),
  },
];

const FILES = 4;
const POLL_MS = 20;

const WAYBILL = fileURLToPath(new URL('../cli/waybill.mjs', import.meta.url));

/** @returns seconds */
type Run = (bench: Bench, deployment: Deployment, order: Order) => Promise<number>;
type Order = Parameters<Deployment['client']['fetchExport']>[0];

/** @param options.rate kilobytes a second of each connection to the object store, in each direction */
async function measure(
  bench: Bench,
  { rowsMax, rate, run }: { readonly rowsMax: number; readonly rate: number; readonly run: Run },
): Promise<Measurement> {
  const rows = Math.min(bench.rows, rowsMax);
  await using deployment = await deploy(bench, CATALOG, [], (servers) => slowStore(bench, servers, rate));
  const { recipient } = await generateKey({ postQuantum: false });
  const order = { from: readingTime(0), to: readingTime(rows - 1), recipients: [recipient] };
  // A little more than a fourth, because files are not exactly as large as each other.
  const rowsPerFile = Math.ceil((rows / FILES) * 1.08);
  const pairs = await runPairs(bench, 'seconds', {
    ours: () => run(bench, deployment, { ...order, rowsPerFile }),
    peer: () => run(bench, deployment, order),
  });
  const what = `${rows.toLocaleString('en')} rows of CSV, sealed`;
  return {
    unit: 'seconds',
    ours: { what: `${what}, ${FILES} files`, bytes: null },
    peer: { what: `${what}, one file`, bytes: null },
    pairs,
    ratio: { kind: 'speed', target: 3 },
    notes: [
      `every connection to the object store passes ${rate / 1000} MB/s; one worker writes ${FILES} parts at once`,
    ],
  };
}

async function slowStore(bench: Bench, { supervisor, settings }: RunningServers, rate: number) {
  const toxiproxy = await startToxiproxy({ ...bench, supervisor });
  const url = new URL(settings.WAYBILL_OBJECTS_URL);
  url.port = String(await toxiproxy.add('objects', url.host));
  await toxiproxy.disturb('objects', { type: 'bandwidth', rate });
  return { WAYBILL_OBJECTS_URL: url.href.replace(/\/$/, ''), WAYBILL_WORKER_PARTS_MAX: String(FILES) };
}

function orderToEnd(_: Bench, { client }: Deployment, order: Order): Promise<number> {
  return secondsOf(() => client.fetchExport(order, POLL_MS));
}

async function download(bench: Bench, { client, secret }: Deployment, order: Order): Promise<number> {
  const id = decodeJobId(await client.fetchExport(order, POLL_MS))?.runId ?? '';
  const directory = await mkdtemp(join(bench.directory, 'download-'));
  const environment = {
    ...bareEnvironment(bench),
    ...{ WAYBILL_URL: client.url, WAYBILL_CLIENT_ID: TENANT, WAYBILL_CLIENT_SECRET: secret },
    ...{ NODE: process.execPath, WAYBILL, EXPORT: id, DIRECTORY: directory },
  };
  try {
    return await secondsOf(() =>
      runShell('"$NODE" "$WAYBILL" exports download "$EXPORT" -o "$DIRECTORY"', environment, bench.signal),
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
