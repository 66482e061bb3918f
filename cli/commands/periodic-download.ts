import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { PERIODIC_PATH, PeriodicView } from '../../contracts/views/periodic.ts';
import { addExamples, addJsonOption, type Cli, printJson } from '../cli.ts';
import { usage } from '../failure.ts';
import { fetchFile } from '../files/fetch.ts';
import { MANIFEST_FILE } from '../files/locate.ts';
import { checkTarget, saveTogether, targetFile } from '../files/save.ts';
import {
  addConnectionOptions,
  type Client,
  type ConnectionOptions,
  createClient,
  readConnection,
  readManifestAnswer,
} from '../http/client.ts';
import { formatBytes, formatNumberOf } from '../screen/figures.ts';
import { createTransferDisplay } from '../screen/progress.ts';
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

interface Common extends FetchOptions, ConnectionOptions {
  readonly json?: boolean;
}

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
  addConnectionOptions(addJsonOption(command.optionsGroup('Options:')));
  return command.action(async (file: string, options: Common & { readonly output: string }) => {
    const fetching = readFetching(options, true);
    checkTarget(options.output, options.force ?? false);
    const target = targetFile(options.output, `${fileName(file)}.${fetching.extension}`, options.force ?? false);
    await fetchOne(cli, options, { fetching, target, file });
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
  addConnectionOptions(addJsonOption(command.optionsGroup('Options:')));
  return command.action(async (options: Common & { readonly output?: string; readonly directory?: string }) => {
    const { output, directory } = options;
    if (directory !== undefined && output === undefined) return fetchAll(cli, options, directory);
    if (output === undefined || directory !== undefined) {
      throw usage('Where to? --directory <directory>, or -o <file.zip>: one of the two.');
    }
    const fetching = readFetching(options, false);
    checkTarget(output, options.force ?? false);
    const target = targetFile(
      output,
      `periodic-${fetching.extension.replaceAll('.', '-')}.zip`,
      options.force ?? false,
    );
    return fetchOne(cli, options, { fetching, target, file: undefined });
  });
}

interface Target {
  readonly fetching: Fetching;
  /** Path of the file to save. */
  readonly target: string;
  /** `undefined`: the zip of all files */
  readonly file: string | undefined;
}

async function fetchOne(cli: Cli, options: Common, { fetching, target, file }: Target): Promise<void> {
  const { terminal } = cli;
  const client = createClient(readConnection(options, cli.environment));
  const signal = cli.interruptible();
  const { manifest, bytes } = await ofOneGeneration(client, signal, async ({ manifest }) => {
    const display = createTransferDisplay(terminal, 'download', options.json === true);
    let total: number | null = null;
    const remote = periodicFile(client, { manifest, file, fetching, signal }, (length) => {
      total ??= length;
    });
    try {
      const opening = { identity: fetching.identity, decompress: false };
      const onProgress = (received: number) => display.show(received, total);
      return {
        manifest,
        bytes: await fetchFile(remote, { file: target, opening, retryMs: RETRY_MS, signal, onProgress }),
      };
    } finally {
      display.stop();
    }
  });
  const { runId: generationId, snapshotAt } = manifest;
  if (options.json) return printJson(terminal, { file: target, bytes, generationId, snapshotAt });
  terminal.tell(`${terminal.paintTold('green', '✓')} ${formatBytes(bytes)}, read at ${snapshotAt}`);
  terminal.print(target);
}

async function fetchAll(cli: Cli, options: Common, directory: string): Promise<void> {
  const { terminal } = cli;
  const fetching = readFetching(options, true);
  const client = createClient(readConnection(options, cli.environment));
  const signal = cli.interruptible();
  const force = options.force ?? false;
  const saved = await ofOneGeneration(client, signal, async ({ manifest, bytes: manifestBytes }) => {
    const { files: offered } = await client.json(PeriodicView, PERIODIC_PATH, signal);
    const ofFormat = manifest.files.filter(({ format }) => format === fetching.format);
    // The catalog may have stopped offering a file since the generation was made.
    const files = ofFormat.filter(({ name }) => offered.includes(name));
    const withdrawn = ofFormat.filter(({ name }) => !offered.includes(name));
    const names = files.map(({ name }) => `${fileName(name)}.${fetching.extension}`);
    for (const name of names) targetFile(join(directory, name), name, force);
    checkManifestFile(join(directory, MANIFEST_FILE), manifestBytes, force);
    const display = createTransferDisplay(terminal, 'download', options.json === true);
    const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    let received = 0;
    let written = 0;
    try {
      await saveTogether(directory, [...names, MANIFEST_FILE], async (staging) => {
        for (const [index, { name: file, bytes }] of files.entries()) {
          const remote = periodicFile(client, { manifest, file, fetching, signal }, () => undefined);
          written += await fetchFile(remote, {
            file: join(staging, names[index] ?? file),
            opening: { identity: fetching.identity, decompress: false },
            ...{ retryMs: RETRY_MS, signal },
            onProgress: (ofFile) => display.show(received + ofFile, total),
          });
          received += bytes;
        }
        await writeFile(join(staging, MANIFEST_FILE), manifestBytes);
      });
    } finally {
      display.stop();
    }
    return { manifest, names, withdrawn: withdrawn.map(({ name }) => name), bytes: written };
  });
  const { names, withdrawn, bytes } = saved;
  const { runId: generationId, snapshotAt } = saved.manifest;
  if (options.json) {
    const answer = { directory, files: names, manifest: MANIFEST_FILE, bytes, generationId, snapshotAt };
    return printJson(terminal, answer);
  }
  for (const name of withdrawn) {
    terminal.tell(`${terminal.paintTold('yellow', '!')} ${plain(name)} is in the manifest, but is no longer offered`);
  }
  const figures = `${formatNumberOf(names.length, 'file')}, ${formatBytes(bytes)}, read at ${snapshotAt}`;
  terminal.tell(`${terminal.paintTold('green', '✓')} ${figures}; sizes and SHA-256 match the manifest`);
  terminal.print(directory);
}

type Current = Awaited<ReturnType<typeof readManifestAnswer>>;

/** Downloads from the current generation, and starts over when a newer one is published in the meantime. */
async function ofOneGeneration<Result>(
  client: Client,
  signal: AbortSignal,
  download: (current: Current) => Promise<Result>,
): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    const answer = await client.call('GET', `${PERIODIC_PATH}/manifest`, { signal });
    try {
      return await download(await readManifestAnswer(answer));
    } catch (error) {
      if (!(error instanceof GenerationReplaced) || tries >= REPLACED_TRIES_MAX) throw error;
    }
  }
}

/** The manifest of the same generation may stay: the files of another format lie beside it. */
function checkManifestFile(file: string, manifest: Uint8Array, replace: boolean): void {
  if (existsSync(file) && readFileSync(file).equals(manifest)) return;
  targetFile(file, MANIFEST_FILE, replace);
}

/** The name becomes part of a local path, so it must not hold separators. */
function fileName(file: string): string {
  if (/^[A-Za-z][A-Za-z0-9_]*$/.test(file)) return file;
  throw usage(`"${plain(file)}" is not the name of a file.`, 'waybill periodic status lists them.');
}
