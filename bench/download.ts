import { decodeJobId } from '../contracts/job-id.ts';
import { runPrefix } from '../contracts/keys.ts';
import { generateKey } from '../streams/age/keys.ts';
import { type Bench, type Benchmark, type Measurement, runPairs } from './benchmark.ts';
import { deploy, downloadVariables, withServers } from './deployment.ts';
import { runShell, timeShell } from './peers.ts';
import { CATALOG, readingTime, TENANT } from './readings.ts';

/** Downloading a sealed export through the API, which unseals it, against fetching and opening the object. */
export const downloadBenchmark: Benchmark = {
  name: 'download',
  title: 'Download with unsealing',
  run: measureDownload,
};

/** Polling interval in milliseconds until the export is done; not measured. */
const POLL_MS = 200;

async function measureDownload(bench: Bench): Promise<Measurement> {
  const { rows, signal } = bench;
  await using deployment = await deploy(bench, CATALOG);
  const { client } = deployment;
  const key = await generateKey({ postQuantum: false });
  const window = { from: readingTime(0), to: readingTime(rows - 1) };
  const jobId = await client.fetchExport({ ...window, recipients: [key.recipient] }, POLL_MS);
  const exportId = decodeJobId(jobId)?.runId;
  if (!exportId) throw new Error('The API returned an invalid job id.');

  const download = await downloadVariables(bench, deployment, key.identity);
  const prefix = `${download.BUCKET}/${runPrefix({ kind: 'on-demand', tenant: TENANT, runId: exportId })}`;
  const found = await runShell('"$MC" find "$PREFIX" --name "*.age"', { ...download, PREFIX: prefix }, signal);
  const file = `${client.url}/exports/${encodeURIComponent(jobId)}/file`;
  const variables = { ...download, FILE: file, OBJECT: found.trim() };
  const content = { bytes: 0 };
  const servers = [deployment.api, deployment.servers.minio];

  const side = (command: string) => async (warmUp: boolean) => {
    if (!warmUp) return withServers(servers, () => timeShell(command, variables, signal));
    const out = await runShell(`${command} | wc -lc`, variables, signal);
    const [lines, bytes] = out.trim().split(/\s+/).map(Number);
    if (lines !== rows + 1) throw new Error(`${command} gives ${lines} lines; ${rows + 1} were expected`);
    content.bytes = bytes ?? 0;
    return 0;
  };

  const pairs = await runPairs(bench, 'seconds', {
    ours: side('curl --silent --show-error --fail --header @"$HEADERS" "$FILE"'),
    peer: side('"$MC" cat "$OBJECT" | "$AGE" -d -i "$IDENTITY"'),
  });
  return {
    unit: 'seconds',
    ours: { what: 'curl GET /exports/{id}/file with x-private-key', bytes: content.bytes },
    peer: { what: 'mc cat | age -d', bytes: content.bytes },
    pairs,
    ratio: { kind: 'speed', target: 1.4 },
    notes: [`${rows.toLocaleString('en')} rows of CSV, counted on both sides`],
  };
}
