import { setTimeout as delay } from 'node:timers/promises';
import { generateKey } from '../streams/age/keys.ts';
import { type Bench, type Benchmark, type Measurement, runPairs, secondsOf } from './benchmark.ts';
import { deploy, readPeak } from './deployment.ts';
import { CATALOG, readingTime } from './readings.ts';

/** The API's memory while many download and half of them do not read, and whether the others wait for those. */
export const stalledDownloadsBenchmark: Benchmark = {
  name: 'stalled-downloads',
  title: 'Download beside as many downloads that have stalled',
  run: measureStalledDownloads,
};

const ROWS_MAX = 1_000_000;
/** Downloads that are read, and as many that are not. */
const DOWNLOADS = 25;
const PEAK_MIB_MAX = 400;
const POLL_MS = 200;
/** Until what a download that is not read gets has filled the buffers on its way. Milliseconds. */
const FILLING_MS = 3000;

async function measureStalledDownloads(bench: Bench): Promise<Measurement> {
  const rows = Math.min(bench.rows, ROWS_MAX);
  await using deployment = await deploy(bench, CATALOG);
  const { client, api } = deployment;
  const key = await generateKey({ postQuantum: false });
  const window = { from: readingTime(0), to: readingTime(rows - 1) };
  const jobId = await client.fetchExport({ ...window, recipients: [key.recipient] }, POLL_MS);
  const url = `${client.url}/exports/${encodeURIComponent(jobId)}/file`;
  const headers = { authorization: client.authorization, 'x-private-key': key.identity };

  /** @returns the content, of which nothing has been read */
  async function open(signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const response = await fetch(url, { headers, signal });
    if (!response.ok || !response.body) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
    return response.body;
  }
  async function readToEnd(): Promise<number> {
    let bytes = 0;
    for await (const chunk of await open(bench.signal)) bytes += chunk.byteLength;
    return bytes;
  }
  let bytes = 0;
  const downloadAll = () =>
    secondsOf(async () => {
      const sizes = new Set(await Promise.all(Array.from({ length: DOWNLOADS }, readToEnd)));
      if (sizes.size !== 1) throw new Error(`Downloads of one file had ${[...sizes].join(' and ')} bytes.`);
      [bytes = 0] = sizes;
    });
  const before = await readPeak(api);
  const pairs = await runPairs(bench, 'seconds', {
    async ours() {
      const stop = new AbortController();
      const signal = AbortSignal.any([stop.signal, bench.signal]);
      const stalled = await Promise.all(Array.from({ length: DOWNLOADS }, () => open(signal)));
      await delay(FILLING_MS, undefined, { signal });
      const seconds = await downloadAll();
      stop.abort();
      // Each ends with the reason of the abort.
      await Promise.allSettled(stalled.map((body) => body.cancel()));
      return seconds;
    },
    peer: downloadAll,
  });
  const peak = await readPeak(api);
  const what = `${DOWNLOADS} downloads at once of ${rows.toLocaleString('en')} rows, unsealed by the API`;
  return {
    unit: 'seconds',
    ours: { what: `${what}, beside ${DOWNLOADS} that are not read`, bytes: bytes * DOWNLOADS },
    peer: { what, bytes: bytes * DOWNLOADS },
    pairs,
    ratio: { kind: 'size', target: 1.2 },
    bounds: [
      {
        what: `API's peak, ${2 * DOWNLOADS} downloads, half of them stalled`,
        figure: peak,
        max: PEAK_MIB_MAX,
        unit: 'MiB',
      },
    ],
    notes: [
      `peak resident memory of the API: ${before.toFixed(0)} MiB before the first download, ${peak.toFixed(0)} MiB after the last`,
    ],
  };
}
