import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runPrefix } from '../contracts/keys.ts';
import { type Bench, type Benchmark, type Measurement, runPairs } from './benchmark.ts';
import type { Bundle } from './client.ts';
import { type Deployment, deploy, downloadVariables, readPeak, withServers } from './deployment.ts';
import { runShell, timeShell } from './peers.ts';
import { BUNDLE_FILES, TENANT, writeBundleCatalog } from './readings.ts';

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

async function measureDownloadAll(bench: Bench, { level }: Kind): Promise<Measurement> {
  const { rows, signal } = bench;
  await using deployment = await deploy(bench, await writeBundleCatalog(bench.directory));
  const { api, client } = deployment;
  const servers = [api, deployment.servers.minio];
  const bundle = await client.produceBundle(POLL_MS);
  const variables = { ...(await prepare(bench, deployment, bundle)), LEVEL: level };
  const contents = { ours: '', peer: '' };
  const archives = { ours: 0, peer: 0 };
  const peakBefore = await readPeak(api);

  const side = (name: 'ours' | 'peer', script: string) => async (warmUp: boolean) => {
    if (!warmUp) return withServers(servers, () => timeShell(script, variables, signal));
    const withArchive = (each: string) =>
      runShell(each, { ...variables, MADE: join(bench.directory, `${name}.zip`) }, signal);
    await withArchive(`{ ${script}\n} > "$MADE"`);
    contents[name] = await withArchive(CONTENTS);
    archives[name] = Number(await withArchive('wc -c < "$MADE"; rm "$MADE"'));
    const count = contents[name].trim().split('\n').length;
    if (count !== BUNDLE_FILES) throw new Error(`${name} archives ${count} files; ${BUNDLE_FILES} were expected`);
    if (name === 'peer' && contents.peer !== contents.ours)
      throw new Error('The two archives have different contents.');
    return 0;
  };

  const pairs = await runPairs(bench, 'seconds', { ours: side('ours', OURS), peer: side('peer', PEER) });
  const peak = await readPeak(api);
  const [ours, peer] = [archives.ours, archives.peer].map((bytes) => (bytes / 1e6).toFixed(0));
  return {
    unit: 'seconds',
    ours: { what: 'curl GET /dataexport/downloadAll?fileType=csv', bytes: bundle.csvBytes },
    peer: { what: `mc cat | age -d, file by file, into zip ${level}`, bytes: bundle.csvBytes },
    pairs,
    ratio: { kind: 'speed', target: 1.4 },
    notes: [
      `${rows.toLocaleString('en')} rows in ${BUNDLE_FILES} files, the same names and hashes on both sides`,
      `archives of ${ours} MB (ours) and ${peer} MB (peer)`,
      `peak memory of the API process: ${peakBefore.toFixed(0)} MiB before, ${peak.toFixed(0)} MiB after all downloads`,
    ],
  };
}

/** @returns the variables of both scripts, after creating the files they name */
async function prepare(bench: Bench, deployment: Deployment, { generationId, privateKey }: Bundle) {
  const { directory, signal } = bench;
  const download = await downloadVariables(bench, deployment, privateKey);
  const variables = {
    ...download,
    ARCHIVE: `${deployment.client.url}/dataexport/downloadAll?fileType=csv`,
    PREFIX: `${download.BUCKET}/${runPrefix({ kind: 'periodic', tenant: TENANT, runId: generationId })}`,
    LIST: join(directory, 'objects.txt'),
    FIFOS: join(directory, 'fifos'),
  };
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
