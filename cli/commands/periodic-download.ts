import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { GENERATION_HEADER, PERIODIC_PATH, PeriodicView, SNAPSHOT_HEADER } from '../../contracts/views/periodic.ts';
import { addExamples, addJsonOption, type Cli, printJson } from '../cli.ts';
import { usage } from '../failure.ts';
import { fetchGeneration, GenerationReplaced } from '../files/fetch-generation.ts';
import { MANIFEST_FILE } from '../files/locate.ts';
import { checkTarget, targetFile } from '../files/opening.ts';
import { bytesOf, receiveFile } from '../files/receive.ts';
import {
  addConnectionOptions,
  type Client,
  type ConnectionOptions,
  createClient,
  readConnection,
} from '../http/client.ts';
import { formatBytes, formatNumberOf } from '../screen/figures.ts';
import { createProgressDisplay } from '../screen/progress-display.ts';
import { transferLine } from '../screen/progress-line.ts';
import { plain } from '../screen/table.ts';
import {
  addFetchOptions,
  askForFile,
  askForManifest,
  asStopped,
  type Fetching,
  type FetchOptions,
  lengthOf,
  readFetching,
} from './fetch-periodic.ts';

/** A count of times that all files are asked for anew because a newer generation was published meanwhile. */
const REPLACED_TRIES_MAX = 3;

interface Common extends FetchOptions, ConnectionOptions {
  readonly json?: boolean;
}

export function downloadCommand(cli: Cli): Command {
  const command = new Command('download')
    .description('Download one file and open it here: the key stays on this machine')
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
      'into this directory, opened here: the key stays on this machine; with the manifest, for "waybill verify"',
    )
    .option('-o, --output <file>', 'as the zip that the server makes; with --key-file, it is sent the key for that');
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

/** Fetches one file, or with `file` undefined the zip of all. */
async function fetchOne(
  cli: Cli,
  options: Common,
  { fetching, target, file }: { fetching: Fetching; target: string; file: string | undefined },
): Promise<void> {
  const { terminal } = cli;
  const client = createClient(readConnection(options, cli.environment));
  const signal = cli.interruptible();
  const receiving = createReceiving(cli, options.json === true);
  let answer: Response;
  let bytes: number;
  try {
    answer = await askForFile(client, file, fetching, signal);
    receiving.expect(lengthOf(answer));
    bytes = await receiveFile(bytesOf(answer, signal, receiving.count), target, fetching.identity);
  } catch (error) {
    throw asStopped(error, signal);
  } finally {
    receiving.stop();
  }
  const { headers } = answer;
  const [generationId, snapshotAt] = [headers.get(GENERATION_HEADER), headers.get(SNAPSHOT_HEADER)];
  if (options.json) return printJson(terminal, { file: target, bytes, generationId, snapshotAt });
  const readAt = snapshotAt === null ? '' : `, read at ${plain(snapshotAt)}`;
  terminal.tell(`${terminal.paintTold('green', '✓')} ${formatBytes(bytes)}${readAt}`);
  terminal.print(target);
}

async function fetchAll(cli: Cli, options: Common, directory: string): Promise<void> {
  const { terminal } = cli;
  const fetching = readFetching(options, true);
  const client = createClient(readConnection(options, cli.environment));
  const signal = cli.interruptible();
  for (let tries = 1; ; tries += 1) {
    const { bytes: manifest, generation, offered } = await currentGeneration(client, signal);
    const { runId: generationId, snapshotAt } = generation;
    const ofFormat = generation.files.filter(({ format }) => format === fetching.format);
    const files = ofFormat.filter(({ name }) => offered.includes(name));
    const names = files.map(({ name }) => `${fileName(name)}.${fetching.extension}`);
    for (const name of names) targetFile(join(directory, name), name, options.force ?? false);
    checkManifestFile(join(directory, MANIFEST_FILE), manifest, options.force ?? false);
    const receiving = createReceiving(cli, options.json === true);
    receiving.expect(files.reduce((sum, { bytes }) => sum + bytes, 0));
    try {
      const sizes = await fetchGeneration({
        ...{ directory, names, manifest, generationId, stored: files, identity: fetching.identity },
        ask: async (index) => {
          const answer = await askForFile(client, files[index]?.name, fetching, signal);
          return {
            generationId: answer.headers.get(GENERATION_HEADER),
            content: bytesOf(answer, signal, receiving.count),
            cancel: async () => answer.body?.cancel(),
          };
        },
      });
      receiving.stop();
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      if (options.json) {
        return printJson(terminal, {
          directory,
          files: names,
          manifest: MANIFEST_FILE,
          bytes,
          generationId,
          snapshotAt,
        });
      }
      for (const { name } of ofFormat.filter((file) => !files.includes(file))) {
        terminal.tell(`${terminal.paintTold('yellow', '!')} ${plain(name)} is in the manifest, and is offered no more`);
      }
      const figures = `${formatNumberOf(names.length, 'file')}, ${formatBytes(bytes)}, read at ${snapshotAt}`;
      terminal.tell(`${terminal.paintTold('green', '✓')} ${figures}; sizes and SHA-256 are those of the manifest`);
      return terminal.print(directory);
    } catch (error) {
      if (!(error instanceof GenerationReplaced && tries < REPLACED_TRIES_MAX)) throw asStopped(error, signal);
    } finally {
      receiving.stop();
    }
  }
}

/** @returns the newest generation, and the names that can be had: the catalog may offer one no more */
async function currentGeneration(client: Client, signal: AbortSignal) {
  const { files: offered } = await client.json(PeriodicView, PERIODIC_PATH, signal);
  const { bytes, manifest } = await askForManifest(client, signal);
  return { bytes, generation: manifest, offered };
}

/** One of the same generation may be there: its files in another format lie beside it then. */
function checkManifestFile(file: string, manifest: Uint8Array, replace: boolean): void {
  if (existsSync(file) && readFileSync(file).equals(manifest)) return;
  targetFile(file, MANIFEST_FILE, replace);
}

/** Shows how much has come. */
function createReceiving(cli: Cli, quiet: boolean) {
  const display = createProgressDisplay(cli.terminal, quiet);
  const begun = performance.now();
  let received = 0;
  let total: number | null = null;
  return {
    /** @param bytes `null`: not known */
    expect(bytes: number | null) {
      total = bytes;
    },
    count(bytes: number) {
      received += bytes;
      display.show(transferLine('download', received, total, (performance.now() - begun) / 1000));
    },
    stop: () => display.stop(),
  };
}

/** A file's name becomes part of a path here, wherever it came from. */
function fileName(file: string): string {
  if (/^[A-Za-z][A-Za-z0-9_]*$/.test(file)) return file;
  throw usage(`"${plain(file)}" is not the name of a file.`, 'waybill periodic status lists them.');
}
