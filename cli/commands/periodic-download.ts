import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { PERIODIC_PATH, PeriodicView } from '../../contracts/views/periodic.ts';
import { addExamples, type Cli } from '../cli.ts';
import { usage } from '../failure.ts';
import { fetchFile } from '../files/fetch.ts';
import { envelopePath, MANIFEST_FILE } from '../files/locate.ts';
import { checkTarget, saveTogether, targetFile } from '../files/save.ts';
import {
  addClientOptions,
  type Client,
  type ClientOptions,
  connect,
  getEnvelope,
  getManifest,
  type ManifestAnswer,
} from '../http/client.ts';
import { formatBytes, formatNumberOf } from '../screen/figures.ts';
import { displayTransfer } from '../screen/progress.ts';
import { plain } from '../screen/terminal.ts';
import {
  addFetchOptions,
  type Fetching,
  type FetchOptions,
  GenerationReplaced,
  periodicFile,
  readFetching,
} from './fetch-periodic.ts';

/** Attempts at a download that newer generations keep replacing. */
const REPLACED_TRIES_MAX = 3;
const RETRY_MS = 1_000;

type Options = FetchOptions & ClientOptions;

export function downloadCommand(cli: Cli): Command {
  const command = new Command('download')
    .description('Download one file and unseal it locally; the key stays on this machine')
    .argument('<file>', 'its name, as "status" lists it')
    .optionsGroup('Options:')
    .option('-o, --output <file>', 'file, or directory in which it gets its own name', '.');
  addFetchOptions(command);
  addExamples(
    command,
    'waybill periodic download user --key-file periodic.key',
    'waybill periodic download user --type json --typed --key-file periodic.key -o users.json',
    'waybill periodic download user --sealed && age -d -i periodic.key user.csv.age',
  );
  return addClientOptions(command).action((file: string, options: Options & { readonly output: string }) => {
    const fetching = readFetching(options, true);
    const name = `${fileName(file)}.${fetching.extension}`;
    return fetchOne(cli, options, { fetching, target: checkedTarget(options, name), file });
  });
}

export function downloadAllCommand(cli: Cli): Command {
  const command = new Command('download-all')
    .description('Download all files of one generation, into a directory or as a zip')
    .optionsGroup('Options:')
    .option(
      '--directory <directory>',
      'save to this directory with the manifest, unsealed locally; the key stays on this machine',
    )
    .option('-o, --output <file>', 'save the zip that the server makes; --key-file sends it the key');
  addFetchOptions(command);
  addExamples(
    command,
    'waybill periodic download-all --directory export --key-file periodic.key',
    'waybill periodic download-all -o export.zip --type json --typed --key-file periodic.key',
    'waybill periodic download-all -o sealed.zip --sealed',
  );
  type Places = { readonly output?: string; readonly directory?: string };
  return addClientOptions(command).action((options: Options & Places) => {
    const { output, directory, force = false } = options;
    if (directory !== undefined && output === undefined) return fetchAll(cli, options, directory);
    if (output === undefined || directory !== undefined) {
      throw usage('Where to? --directory <directory>, or -o <file.zip>: one of the two.');
    }
    const fetching = readFetching(options, false);
    const name = `periodic-${fetching.extension.replaceAll('.', '-')}.zip`;
    return fetchOne(cli, options, { fetching, target: checkedTarget({ output, force }, name), file: undefined });
  });
}

function checkedTarget({ output, force = false }: { output: string; force?: boolean }, name: string): string {
  checkTarget(output, force);
  return targetFile(output, name, force);
}

interface Target {
  readonly fetching: Fetching;
  /** Path of the file to save. */
  readonly target: string;
  /** `undefined`: the zip of all files */
  readonly file: string | undefined;
}

async function fetchOne(cli: Cli, options: Options, { fetching, target, file }: Target): Promise<void> {
  const { terminal } = cli;
  const client = connect(cli, options);
  const signal = cli.interruptible();
  const opening = { identity: fetching.identity, decompress: false };
  const display = { label: 'download', quiet: options.json === true };
  const { manifest, bytes } = await ofOneGeneration(client, signal, async ({ manifest }) => {
    const remote = periodicFile(client, { manifest, file, fetching, signal });
    const bytes = await displayTransfer(terminal, display, (onProgress) =>
      fetchFile(remote, { file: target, opening, retryMs: RETRY_MS, signal, onProgress }),
    );
    return { manifest, bytes };
  });
  const { runId: generationId, snapshotAt } = manifest;
  if (options.json) return terminal.printJson({ file: target, bytes, generationId, snapshotAt });
  terminal.logDone(`${formatBytes(bytes)}, read at ${snapshotAt}`);
  terminal.print(target);
}

async function fetchAll(cli: Cli, options: Options, directory: string): Promise<void> {
  const { terminal } = cli;
  const { force = false } = options;
  const fetching = readFetching(options, true);
  const client = connect(cli, options);
  const signal = cli.interruptible();
  const opening = { identity: fetching.identity, decompress: false };
  const display = { label: 'download', quiet: options.json === true };
  const { manifest, names, withdrawn, bytes } = await ofOneGeneration(client, signal, async (current) => {
    const { manifest, bytes: manifestBytes } = current;
    const { files: offered } = await client.json(PeriodicView, PERIODIC_PATH, signal);
    // The catalog may have stopped offering a file since the generation was made.
    const { files = [], withdrawn = [] } = Object.groupBy(
      manifest.files.filter(({ format }) => format === fetching.format),
      ({ name }) => (offered.includes(name) ? 'files' : 'withdrawn'),
    );
    const named = files.map((entry) => ({ ...entry, saved: `${fileName(entry.name)}.${fetching.extension}` }));
    const names = named.map(({ saved }) => saved);
    for (const name of names) targetFile(join(directory, name), name, force);
    checkManifestFile(join(directory, MANIFEST_FILE), manifestBytes, force);
    const envelope = await getEnvelope(client, `${PERIODIC_PATH}/manifest`, signal);
    if (envelope && !Buffer.from(envelope.payload, 'base64').equals(manifestBytes)) throw new GenerationReplaced();
    const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    let received = 0;
    let written = 0;
    await displayTransfer(terminal, display, (show) =>
      saveTogether(directory, [...names, MANIFEST_FILE, ...(envelope ? [ENVELOPE_FILE] : [])], async (staging) => {
        for (const { name, saved, bytes } of named) {
          const remote = periodicFile(client, { manifest, file: name, fetching, signal });
          const onProgress = (ofFile: number) => show(received + ofFile, total);
          const file = join(staging, saved);
          written += await fetchFile(remote, { file, opening, retryMs: RETRY_MS, signal, onProgress });
          received += bytes;
        }
        await writeFile(join(staging, MANIFEST_FILE), manifestBytes);
        if (envelope) await writeFile(join(staging, ENVELOPE_FILE), JSON.stringify(envelope));
      }),
    );
    return { manifest, names, withdrawn, bytes: written };
  });
  const { runId: generationId, snapshotAt } = manifest;
  if (options.json) {
    const saved = { directory, files: names, manifest: MANIFEST_FILE, bytes };
    return terminal.printJson({ ...saved, generationId, snapshotAt });
  }
  for (const { name } of withdrawn) {
    terminal.log(`${terminal.paintLog('yellow', '!')} ${plain(name)} is in the manifest, but is no longer offered`);
  }
  const figures = `${formatNumberOf(names.length, 'file')}, ${formatBytes(bytes)}, read at ${snapshotAt}`;
  terminal.logDone(`${figures}; sizes and SHA-256 match the manifest`);
  terminal.print(directory);
}

/** Downloads from the current generation, and starts over when a newer one is published in the meantime. */
async function ofOneGeneration<Result>(
  client: Client,
  signal: AbortSignal,
  download: (current: ManifestAnswer) => Promise<Result>,
): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    const current = await getManifest(client, `${PERIODIC_PATH}/manifest`, signal);
    try {
      return await download(current);
    } catch (error) {
      if (!(error instanceof GenerationReplaced) || tries >= REPLACED_TRIES_MAX) throw error;
    }
  }
}

const ENVELOPE_FILE = envelopePath(MANIFEST_FILE);

/** The manifest of the same generation may stay, so that files of another format can be saved beside it. */
function checkManifestFile(file: string, manifest: Uint8Array, replace: boolean): void {
  if (existsSync(file) && readFileSync(file).equals(manifest)) return;
  targetFile(file, MANIFEST_FILE, replace);
}

/** The name becomes part of a local path, so it must not contain separators. */
function fileName(file: string): string {
  if (/^[A-Za-z][A-Za-z0-9_]*$/.test(file)) return file;
  throw usage(`"${plain(file)}" is not the name of a file.`, 'waybill periodic status lists them.');
}
