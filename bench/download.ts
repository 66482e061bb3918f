import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeJobId } from '../contracts/job-id.ts';
import { runPrefix } from '../contracts/keys.ts';
import { generateKey } from '../streams/age/keys.ts';
import { type Bench, type Benchmark, createResult } from './benchmark.ts';
import { deploy } from './deployment.ts';
import { clientVariables } from './object-server.ts';
import { runPairs, secondsOf } from './pairs.ts';
import { getPrograms } from './peers.ts';
import { buildReadings, CATALOG, readingTime, TENANT } from './readings.ts';
import { runShell } from './shell.ts';
import { pairLine } from './table.ts';

/** Downloading a sealed export through the API, which unseals it, against fetching and opening the object. */
export const downloadBenchmark: Benchmark = {
  name: 'download',
  title: 'Download with unsealing',
  run: measureDownload,
};

/** Polling interval in milliseconds until the export is done; not measured. */
const POLL_MS = 200;

async function measureDownload(bench: Bench) {
  const { directory, environment, signal, rows, runs, report } = bench;
  const { age, mc } = await getPrograms(bench, ['age', 'mc']);
  const warehouse = await buildReadings(bench);
  await using deployment = await deploy(bench, { warehouse, catalog: CATALOG });
  const { client, servers } = deployment;
  const key = await generateKey({ postQuantum: false });
  const identityFile = join(directory, 'identity.txt');
  await writeFile(identityFile, `${key.identity}\n`, { mode: 0o600 });
  const window = { from: readingTime(0), to: readingTime(rows - 1) };
  const jobId = await client.fetchExport({ ...window, recipients: [key.recipient] }, POLL_MS);
  const exportId = decodeJobId(jobId)?.runId;
  if (!exportId) throw new Error('The API returned an invalid job id.');

  const { settings } = servers;
  const bucket = settings.WAYBILL_OBJECTS_BUCKET;
  const server = {
    url: settings.WAYBILL_OBJECTS_URL,
    region: 'us-east-1',
    bucket,
    accessKey: settings.WAYBILL_OBJECTS_ACCESS_KEY,
    secretKey: settings.WAYBILL_OBJECTS_SECRET_KEY,
  };
  const variables = {
    PATH: environment.PATH,
    ...clientVariables(server, directory),
    AGE: age,
    MC: mc,
    IDENTITY: identityFile,
    PREFIX: `bench/${bucket}/${runPrefix({ kind: 'on-demand', tenant: TENANT, runId: exportId })}`,
    FILE: `${client.url}/exports/${encodeURIComponent(jobId)}/file`,
    // In a file, as a user would keep it, because other users can see arguments.
    HEADERS: join(directory, 'headers.txt'),
  };
  await writeFile(variables.HEADERS, `Authorization: ${client.authorization}\nx-private-key: ${key.identity}\n`, {
    mode: 0o600,
  });
  const found = await runShell('"$MC" find "$PREFIX" --name "*.age"', variables, signal);
  const shell = (script: string) => runShell(script, { ...variables, OBJECT: found.trim() }, signal);

  const downloads = {
    ours: 'curl --silent --show-error --fail --header @"$HEADERS" "$FILE"',
    peer: '"$MC" cat "$OBJECT" | "$AGE" -d -i "$IDENTITY"',
  };
  const content = { bytes: 0 };

  async function measure(side: 'ours' | 'peer', warmUp: boolean): Promise<number> {
    const download = downloads[side];
    if (!warmUp) return secondsOf(() => shell(`${download} > /dev/null`));
    const [lines, bytes] = (await shell(`${download} | wc -lc`)).trim().split(/\s+/).map(Number);
    if (lines !== rows + 1) throw new Error(`${side} downloads ${lines} lines; ${rows + 1} were expected`);
    content.bytes = bytes ?? 0;
    return 0;
  }

  const pairs = await runPairs(
    runs,
    { ours: (warmUp) => measure('ours', warmUp), peer: (warmUp) => measure('peer', warmUp) },
    (number, pair) => report(pairLine('seconds', runs, number, pair)),
  );
  return createResult({
    ...downloadBenchmark,
    unit: 'seconds',
    ours: { what: 'curl GET /exports/{id}/file with x-private-key', bytes: content.bytes },
    peer: { what: 'mc cat | age -d', bytes: content.bytes },
    pairs,
    ratio: { kind: 'speed', target: 1 },
    notes: [`${rows.toLocaleString('en')} rows of CSV, counted on both sides`],
  });
}
