import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runPrefix } from '../contracts/keys.ts';
import { type Bench, type Benchmark, createResult } from './benchmark.ts';
import { BUNDLE_FILES, writeBundleCatalog } from './bundle.ts';
import { type Deployment, deploy } from './deployment.ts';
import { clientVariables } from './object-server.ts';
import { runPairs, secondsOf } from './pairs.ts';
import { readPeak } from './peak.ts';
import { getPrograms } from './peers.ts';
import { buildReadings, TENANT } from './readings.ts';
import { runShell } from './shell.ts';
import { pairLine } from './table.ts';

/** How the peer compresses; ours always uses zlib's level 1. */
interface Kind {
  readonly name: string;
  readonly title: string;
  /** Arguments of `zip`. */
  readonly level: string;
}

/** All periodic files in one zip through the API, against a script that fetches, opens and zips the same objects. */
export const downloadAllBenchmarks: readonly Benchmark[] = [
  { name: 'download-all', title: 'Download of all periodic files, the peer also at level 1', level: '-1' },
  { name: 'download-all-zip', title: "Download of all periodic files, the peer at zip's own level, 6", level: '-6' },
].map((kind) => ({ name: kind.name, title: kind.title, run: (bench) => measureDownloadAll(bench, kind) }));

/** Polling interval in milliseconds until the files are available; not measured. */
const POLL_MS = 200;

const OURS = 'curl --silent --show-error --fail --header @"$HEADERS" "$ARCHIVE"';

/**
 * Through FIFOs, so that nothing is written to disk and fetching, opening and zipping overlap: `zip` reads them in the
 * order in which the loop provides them. Without `zip` the loop would wait forever.
 */
const PEER = `cd "$FIFOS"
while IFS=$'\\t' read -r name object; do "$MC" cat "$object" | "$AGE" -d -i "$IDENTITY" > "$name"; done < "$LIST" &
cut -f 1 "$LIST" | zip -q "$LEVEL" -FI - -@ || kill 0
wait $!`;

/** Every entry's name and the hash of its content, sorted. */
const CONTENTS = `unzip -Z1 "$MADE" | sort | while read -r name; do
  echo "$name $(unzip -p "$MADE" "$name" | sha256sum)"
done`;

async function measureDownloadAll(bench: Bench, kind: Kind) {
  const { signal, rows, runs, report } = bench;
  const { age, mc } = await getPrograms(bench, ['age', 'mc']);
  const data = { warehouse: await buildReadings(bench), catalog: await writeBundleCatalog(bench.directory) };
  await using deployment = await deploy(bench, data);
  const { api, client } = deployment;
  const { generationId, privateKey, csvBytes } = await client.produceBundle(POLL_MS);
  const variables = {
    ...(await prepare(bench, deployment, { generationId, privateKey, mc })),
    AGE: age,
    LEVEL: kind.level,
  };

  const downloads = { ours: OURS, peer: PEER };
  const contents = { ours: '', peer: '' };
  const archives = { ours: '', peer: '' };
  const peakBefore = await readPeak(api);

  async function measure(side: 'ours' | 'peer', warmUp: boolean): Promise<number> {
    const download = (into: string) => runShell(`{ ${downloads[side]}\n} > ${into}`, variables, signal);
    if (!warmUp) return secondsOf(() => download('/dev/null'));
    const MADE = join(bench.directory, `${side}.zip`);
    const withArchive = (script: string) => runShell(script, { ...variables, MADE }, signal);
    await withArchive(`{ ${downloads[side]}\n} > "$MADE"`);
    contents[side] = await withArchive(CONTENTS);
    archives[side] = await withArchive('wc -c < "$MADE"; rm "$MADE"');
    const count = contents[side].trim().split('\n').length;
    if (count !== BUNDLE_FILES) throw new Error(`${side} archives ${count} files; ${BUNDLE_FILES} were expected`);
    if (side === 'peer' && contents.peer !== contents.ours)
      throw new Error('The two archives have different contents.');
    return 0;
  }

  const pairs = await runPairs(
    runs,
    { ours: (warmUp) => measure('ours', warmUp), peer: (warmUp) => measure('peer', warmUp) },
    (number, pair) => report(pairLine('seconds', runs, number, pair)),
  );
  const peak = await readPeak(api);
  const sizes = [archives.ours, archives.peer].map((bytes) => (Number(bytes) / 1e6).toFixed(0));
  return createResult({
    ...kind,
    unit: 'seconds',
    ours: { what: 'curl GET /dataexport/downloadAll?fileType=csv', bytes: csvBytes },
    peer: { what: `mc cat | age -d, file by file, into zip ${kind.level}`, bytes: csvBytes },
    pairs,
    ratio: { kind: 'speed', target: 1 },
    notes: [
      `${rows.toLocaleString('en')} rows in ${BUNDLE_FILES} files, the same names and hashes on both sides`,
      `archives of ${sizes[0]} MB (ours) and ${sizes[1]} MB (peer)`,
      `peak memory of the API process: ${peakBefore.toFixed(0)} MiB before, ${peak.toFixed(0)} MiB after all downloads`,
    ],
  });
}

/** @returns the variables of both scripts, after creating the files they name */
async function prepare(
  { directory, environment, signal }: Bench,
  { client, servers: { settings } }: Deployment,
  { generationId, privateKey, mc }: { readonly generationId: string; readonly privateKey: string; readonly mc: string },
) {
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
    MC: mc,
    ARCHIVE: `${client.url}/dataexport/downloadAll?fileType=csv`,
    PREFIX: `bench/${bucket}/${runPrefix({ kind: 'periodic', tenant: TENANT, runId: generationId })}`,
    // In files, as a user would keep them, because other users can see arguments.
    HEADERS: join(directory, 'headers.txt'),
    IDENTITY: join(directory, 'identity.txt'),
    LIST: join(directory, 'objects.txt'),
    FIFOS: join(directory, 'fifos'),
  };
  const secret = { mode: 0o600 };
  await writeFile(variables.HEADERS, `Authorization: ${client.authorization}\nx-private-key: ${privateKey}\n`, secret);
  await writeFile(variables.IDENTITY, `${privateKey}\n`, secret);
  const found = await runShell('"$MC" find "$PREFIX" --name "*.csv.age"', variables, signal);
  const objects = found.trim().split('\n').sort();
  await writeFile(variables.LIST, objects.map((object) => `${entryName(object)}\t${object}\n`).join(''));
  await mkdir(variables.FIFOS);
  await runShell('cd "$FIFOS"; cut -f 1 "$LIST" | xargs mkfifo', variables, signal);
  return variables;
}

/** @param object `…/<file>-<attempt>.csv.age` */
function entryName(object: string): string {
  const file = /([A-Za-z0-9_]+)-[^/]*$/.exec(object)?.[1];
  if (file === undefined) throw new Error('An object of the generation has an unexpected name.');
  return `${file}.csv`;
}
