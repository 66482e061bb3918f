import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Manifest } from '../../contracts/manifest.ts';
import { exportPath } from '../../contracts/views/on-demand.ts';
import type { Cli } from '../cli.ts';
import { CliFailure, EXIT } from '../failure.ts';
import { fetchFile } from '../files/fetch.ts';
import { readIdentity } from '../files/keys.ts';
import { envelopePath, MANIFEST_SUFFIX } from '../files/locate.ts';
import { checkOpening, openedName } from '../files/opening.ts';
import { checkTarget, targetFile } from '../files/save.ts';
import { getEnvelope, getManifest } from '../http/client.ts';
import { formatBytes } from '../screen/figures.ts';
import { displayTransfer } from '../screen/progress.ts';
import type { FollowOptions } from './follow.ts';

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
    .option(
      '--save-manifest',
      `save the manifest and its signature too, as <file>${MANIFEST_SUFFIX} and ${envelopePath(MANIFEST_SUFFIX)}`,
    );
}

/** Refuses options that cannot work before a long export begins. */
export function checkDownload({ output, force = false, keyFile }: DownloadOptions): void {
  checkTarget(output, force);
  if (keyFile !== undefined) readIdentity(keyFile);
}

export interface Downloaded {
  readonly file: string;
  readonly bytes: number;
  readonly manifest: Manifest;
}

/** Downloads the file of a finished export and checks it against its manifest. */
export async function downloadExport(
  { terminal }: Cli,
  id: string,
  { client, signal, quiet }: FollowOptions,
  { output, keyFile, decompress = false, force = false, saveManifest }: DownloadOptions,
): Promise<Downloaded> {
  const { bytes: manifestBytes, manifest } = await getManifest(client, exportPath(id, '/manifest'), signal);
  const [entry, ...others] = manifest.files;
  if (entry === undefined || others.length > 0) {
    throw new CliFailure(EXIT.failed, 'This version of waybill can only download exports of one file.');
  }
  const opening = { identity: keyFile === undefined ? undefined : readIdentity(keyFile), decompress };
  checkOpening({ ...entry, recipients: manifest.recipients }, opening);
  const name = openedName(entry.file, { unseal: keyFile !== undefined, decompress });
  const file = targetFile(output, name, force);
  const { parts, compression } = entry;
  const request = (headers: Readonly<Record<string, string>>) =>
    client.call('GET', exportPath(id, '/file'), { headers, signal });
  const bytes = await displayTransfer(terminal, { label: 'download', quiet }, (onProgress) =>
    fetchFile({ parts, compression, ranges: true, request }, { file, opening, retryMs: RETRY_MS, signal, onProgress }),
  );
  if (saveManifest) {
    const path = file + MANIFEST_SUFFIX;
    const envelope = await getEnvelope(client, exportPath(id, '/manifest'), signal);
    await writeFile(path, manifestBytes);
    if (envelope) await writeFile(envelopePath(path), JSON.stringify(envelope));
  }
  if (!quiet) terminal.logDone(`saved ${file} (${formatBytes(bytes)}); sizes and SHA-256 match the manifest`);
  return { file, bytes, manifest };
}
