import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Manifest } from '../../contracts/manifest.ts';
import { exportPath } from '../../contracts/views/on-demand.ts';
import type { Cli } from '../cli.ts';
import { CliFailure, EXIT } from '../failure.ts';
import { fetchFile } from '../files/fetch.ts';
import { readIdentity } from '../files/keys.ts';
import { MANIFEST_SUFFIX } from '../files/locate.ts';
import { checkOpening, openedName } from '../files/opening.ts';
import { checkTarget, targetFile } from '../files/save.ts';
import { type Client, readManifestAnswer } from '../http/client.ts';
import { formatBytes } from '../screen/figures.ts';
import { createTransferDisplay } from '../screen/progress.ts';

const RETRY_MS = 1_000;

export interface DownloadOptions {
  readonly output: string;
  readonly keyFile?: string;
  readonly decompress?: boolean;
  readonly force?: boolean;
  readonly saveManifest?: boolean;
}

export function addDownloadOptions(command: Command): Command {
  return command
    .optionsGroup('Download:')
    .option('--key-file <file>', 'unseal with the private key in this file; the key stays on this machine')
    .option('--decompress', 'decompress the file')
    .option('--force', 'replace an existing file')
    .option('--save-manifest', `save the manifest too, as <file>${MANIFEST_SUFFIX}`);
}

/** Refuses options that cannot work before a long export begins. */
export function checkDownload(options: DownloadOptions): void {
  checkTarget(options.output, options.force ?? false);
  if (options.keyFile !== undefined) readIdentity(options.keyFile);
}

export interface Downloaded {
  readonly file: string;
  readonly bytes: number;
  readonly manifest: Manifest;
}

/** Downloads the file of a finished export and checks it against its manifest. */
export async function downloadExport(
  { terminal }: Cli,
  { client, id, signal, quiet }: { client: Client; id: string; signal: AbortSignal; quiet: boolean },
  options: DownloadOptions,
): Promise<Downloaded> {
  const { bytes: manifestBytes, manifest } = await readManifestAnswer(
    await client.call('GET', exportPath(id, '/manifest'), { signal }),
  );
  const [entry, ...others] = manifest.files;
  if (entry === undefined || others.length > 0) {
    throw new CliFailure(EXIT.failed, 'This version of waybill can only download exports of one file.');
  }
  const identity = options.keyFile === undefined ? undefined : readIdentity(options.keyFile);
  const opening = { identity, decompress: options.decompress ?? false };
  checkOpening({ ...entry, recipients: manifest.recipients }, opening);
  const name = openedName(entry.file, { unseal: identity !== undefined, decompress: opening.decompress });
  const file = targetFile(options.output, name, options.force ?? false);
  const display = createTransferDisplay(terminal, 'download', quiet);
  let bytes: number;
  try {
    const { parts, compression } = entry;
    const request = (headers: Readonly<Record<string, string>>) =>
      client.call('GET', exportPath(id, '/file'), { headers, signal });
    bytes = await fetchFile(
      { parts, compression, ranges: true, request },
      { file, opening, retryMs: RETRY_MS, signal, onProgress: (received) => display.show(received, entry.bytes) },
    );
  } finally {
    display.stop();
  }
  if (options.saveManifest) await writeFile(file + MANIFEST_SUFFIX, manifestBytes);
  if (!quiet) {
    const check = terminal.paintTold('green', '✓');
    terminal.tell(`${check} saved ${file} (${formatBytes(bytes)}); sizes and SHA-256 match the manifest`);
  }
  return { file, bytes, manifest };
}
