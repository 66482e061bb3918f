import { writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { type Manifest, onlyFile, parseManifest } from '../../contracts/manifest.ts';
import { exportPath } from '../../contracts/views/on-demand.ts';
import type { Cli } from '../cli.ts';
import { CliFailure, EXIT } from '../failure.ts';
import { downloadFile } from '../files/download.ts';
import { readIdentity } from '../files/keys.ts';
import { MANIFEST_SUFFIX } from '../files/locate.ts';
import { checkOpening, checkTarget, openedName, targetFile } from '../files/opening.ts';
import type { OpenAt } from '../files/resuming.ts';
import { PARTIAL } from '../files/save.ts';
import type { Client } from '../http/client.ts';
import { formatBytes } from '../screen/figures.ts';
import { createProgressDisplay } from '../screen/progress-display.ts';
import { transferLine } from '../screen/progress-line.ts';

const RETRY_MS = 1_000;

export interface FetchOptions {
  readonly output: string;
  readonly keyFile?: string;
  readonly decompress?: boolean;
  readonly force?: boolean;
  readonly saveManifest?: boolean;
}

export function addFetchOptions(command: Command): Command {
  return command
    .optionsGroup('When it is downloaded:')
    .option('--key-file <file>', 'unseal on the way, with the private key in this file; the key stays here')
    .option('--decompress', 'decompress on the way')
    .option('--force', 'replace a file that exists')
    .addOption(new Option('--save-manifest', `save the manifest too, as <file>${MANIFEST_SUFFIX}`));
}

/** Refuses what cannot work before anything long is begun. */
export function checkFetch(options: FetchOptions): void {
  checkTarget(options.output, options.force ?? false);
  if (options.keyFile !== undefined) readIdentity(options.keyFile);
}

export interface Fetched {
  readonly file: string;
  readonly bytes: number;
  readonly manifest: Manifest;
}

/** Downloads a finished export's file, checked against its manifest. */
export async function fetchFile(
  cli: Cli,
  { client, id, signal, quiet }: { client: Client; id: string; signal: AbortSignal; quiet: boolean },
  options: FetchOptions,
): Promise<Fetched> {
  const { terminal } = cli;
  const { text, manifest } = await fetchManifest(client, id, signal);
  const identity = options.keyFile === undefined ? undefined : readIdentity(options.keyFile);
  const opening = { identity, decompress: options.decompress ?? false };
  const entry = onlyFile(manifest);
  checkOpening({ ...entry, recipients: manifest.recipients }, opening);
  const name = openedName(entry.file, { unseal: identity !== undefined, decompress: opening.decompress });
  const file = targetFile(options.output, name, options.force ?? false);

  const display = createProgressDisplay(terminal, quiet);
  const begun = performance.now();
  const seconds = () => (performance.now() - begun) / 1000;
  let bytes: number;
  try {
    bytes = await downloadFile({
      entry,
      open: openRemote(client, id, signal),
      file,
      opening,
      retryMs: RETRY_MS,
      signal,
      onProgress: (received) => display.show(transferLine('download', received, entry.bytes, seconds())),
    });
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new CliFailure(EXIT.interrupted, 'The download was stopped.', {
      lines: [`What is there is in "${file}${PARTIAL}"; the same download goes on from it where it can.`],
    });
  } finally {
    display.stop();
  }
  if (options.saveManifest) await writeFile(file + MANIFEST_SUFFIX, text);
  if (!quiet) {
    const check = terminal.paintTold('green', '✓');
    terminal.tell(`${check} saved ${file} (${formatBytes(bytes)}); sizes and SHA-256 are those of the manifest`);
  }
  return { file, bytes, manifest };
}

async function fetchManifest(client: Client, id: string, signal: AbortSignal) {
  const answer = await client.call('GET', exportPath(id, '/manifest'), { signal });
  const text = await answer.text();
  const parsed = parseManifest(text);
  if ('manifest' in parsed && parsed.manifest.files.length === 1) return { text, manifest: parsed.manifest };
  throw new CliFailure(EXIT.failed, 'The manifest is not one that this version of waybill can read.', {
    lines: 'problem' in parsed ? parsed.problem.split('\n') : ['It lists several files.'],
  });
}

function openRemote(client: Client, id: string, signal: AbortSignal): OpenAt {
  return async (offset) => {
    const headers = { 'accept-encoding': 'identity', ...(offset > 0 ? { range: `bytes=${offset}-` } : {}) };
    const answer = await client.call('GET', exportPath(id, '/file'), { headers, signal });
    if (answer.body === null || answer.status !== (offset > 0 ? 206 : 200)) {
      throw new CliFailure(EXIT.failed, 'The server cannot send the rest of the file alone.', {
        lines: ['Remove the partial file and download it again.'],
      });
    }
    return answer.body;
  };
}
