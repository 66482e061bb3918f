import { z } from 'zod';
import { decodeJobId } from '../contracts/job-id.ts';
import { runPrefix } from '../contracts/keys.ts';
import { parseManifest } from '../contracts/manifest.ts';
import { PARTS_MAX } from '../stores/objects/part-size.ts';
import { generateKey } from '../streams/age/keys.ts';
import { type Bench, type Benchmark, type Measurement, secondsOf } from './benchmark.ts';
import { type Deployment, deploy, downloadVariables, readPeak } from './deployment.ts';
import { runShell } from './peers.ts';
import { readingTime, TENANT, writeRepeatedTable } from './readings.ts';

/** One sealed file of the table's rows many times over: 91 times 10 million are 100 GB. Checked by other programs than ours. */
export const largeExportBenchmark: Benchmark = {
  name: 'large-export',
  title: 'Peak memory of a worker that exports the table many times over',
  run: measureLargeExport,
};

/** Copies of the table, unless `--many` says otherwise. */
const COPIES = 10;
const POLL_MS = 500;

async function measureLargeExport(bench: Bench): Promise<Measurement> {
  const { rows, many: copies = COPIES } = bench;
  const { catalog, files } = await writeRepeatedTable(bench, copies);
  const settings = async () => ({ WAYBILL_WAREHOUSE_DIRECTORIES: files });
  await using deployment = await deploy(bench, catalog, [], settings);
  const key = await generateKey({ postQuantum: false });
  const request = { from: readingTime(0), recipients: [key.recipient], compression: 'zstd' } as const;

  /** @param share of each copy's rows */
  async function peakOf(share: number) {
    // A process's peak never falls, so each export has its own process.
    await deployment.worker.restart();
    const to = readingTime(Math.floor(rows / share) - 1);
    let jobId = '';
    const seconds = await secondsOf(async () => {
      jobId = await deployment.client.fetchExport({ ...request, to }, POLL_MS);
    });
    return { jobId, seconds, peak: await readPeak(deployment.worker) };
  }
  const few = await peakOf(copies);
  const { jobId, seconds, peak } = await peakOf(1);
  bench.report(`exported in ${seconds.toFixed(0)} s; now it is read by other programs`);
  const { contentBytes, storedBytes, uploads } = await check(bench, deployment, {
    jobId,
    identity: key.identity,
    copies,
  });
  const count = (rows * copies).toLocaleString('en');
  const [content, stored] = [contentBytes, storedBytes].map((bytes) => (bytes / 1e9).toFixed(1));
  const speed = (contentBytes / seconds / 1e6).toFixed(0);
  return {
    unit: 'MiB',
    ours: { what: `a worker that exported ${count} rows, CSV with zstd, sealed, one file`, bytes: null },
    peer: {
      what: `a worker that exported ${(Math.floor(rows / copies) * copies).toLocaleString('en')} of them`,
      bytes: null,
    },
    pairs: [{ ours: peak, peer: few.peak }],
    ratio: { kind: 'size', target: 1.1 },
    bounds: [{ what: 'parts of the upload', figure: uploads, max: PARTS_MAX, unit: '' }],
    limitedBy: "DuckDB's cache of the warehouse, up to its usual memory",
    notes: [
      `${content} GB of content, ${stored} GB stored, in ${seconds.toFixed(0)} s: ${speed} MB/s`,
      'SHA-256 and bytes of the object, rows, bytes and ids of the content are right, by mc, age, zstd, wc and awk',
    ],
  };
}

/** A prime modulo which the ids are added, because awk computes with doubles. */
const MODULUS = 1_000_000_007;

/** Reads the stored object once. @throws Error if its content is not what was ordered, or not what the manifest says */
async function check(
  bench: Bench,
  deployment: Deployment,
  { jobId, identity, copies }: { readonly jobId: string; readonly identity: string; readonly copies: number },
) {
  const { client } = deployment;
  const headers = { authorization: client.authorization };
  const answer = await fetch(`${client.url}/exports/${encodeURIComponent(jobId)}/manifest`, { headers });
  const parsed = parseManifest(await answer.text());
  if ('problem' in parsed) throw new Error(parsed.problem);
  const { rows, files } = parsed.manifest;
  const [file] = files;
  const [part] = file?.parts ?? [];
  if (!file || !part) throw new Error('The export has no file.');
  const { contentBytes } = file;
  const { name, bytes: storedBytes, sha256 } = part;
  const runId = decodeJobId(jobId)?.runId ?? '';
  const variables = await downloadVariables(bench, deployment, identity);
  const object = `${variables.BUCKET}/${runPrefix({ kind: 'on-demand', tenant: TENANT, runId })}${name}`;
  const run = (script: string) =>
    runShell(script, { ...variables, OBJECT: object, DIR: bench.directory }, bench.signal);

  const sums = await run(`
    cd "$DIR"; mkfifo stored content
    sha256sum < stored > hash & wc -lc < content > size &
    "$MC" cat "$OBJECT" | tee stored | "$AGE" -d -i "$IDENTITY" | zstd -dc | tee content |
      awk -F, 'NR > 1 { sum = (sum + $1) % ${MODULUS} } END { printf "%d\\n", sum }'
    wait; cat hash size`);
  const [ids, hash, , lines, bytes] = sums.trim().split(/\s+/);
  const count = BigInt(bench.rows) * BigInt(copies);
  const expected = [((count * (count - 1n)) / 2n) % BigInt(MODULUS), sha256, count + 1n, contentBytes, count].map(
    String,
  );
  const found = [ids, hash, lines, bytes, rows].map(String);
  if (found.join() !== expected.join())
    throw new Error(`The export has ${found.join(', ')}, expected ${expected.join(', ')}.`);
  const { etag } = z.object({ etag: z.string() }).parse(JSON.parse(await run('"$MC" stat --json "$OBJECT"')));
  return { contentBytes, storedBytes, uploads: Number(/-(\d+)$/.exec(etag)?.[1] ?? 1) };
}
