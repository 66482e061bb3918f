import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Manifest, ManifestFile } from '../../contracts/manifest.ts';
import { exportPath } from '../../contracts/views/on-demand.ts';
import { type Cli, parseCount } from '../cli.ts';
import { CliFailure, EXIT, usage } from '../failure.ts';
import { fetchFile, type RemoteFile } from '../files/fetch.ts';
import { fetchTogether } from '../files/fetch-together.ts';
import { readIdentity } from '../files/keys.ts';
import { envelopePath, MANIFEST_SUFFIX } from '../files/locate.ts';
import { checkOpening, type Opening, openedName } from '../files/opening.ts';
import { checkTarget, isDirectory, targetFile } from '../files/save.ts';
import { getEnvelope, getManifest } from '../http/client.ts';
import { formatBytes, formatNumberOf } from '../screen/figures.ts';
import { displayTransfer } from '../screen/progress.ts';
import type { FollowOptions } from './follow.ts';

const RETRY_MS = 1_000;
/** Files of one export that are downloaded at once. */
const PARALLEL = 4;

export interface DownloadOptions {
  readonly output: string;
  readonly keyFile?: string;
  readonly decompress?: boolean;
  readonly force?: boolean;
  readonly saveManifest?: boolean;
  readonly parallel?: number;
}

export function addDownloadOptions(command: Command): Command {
  return command
    .optionsGroup('Download:')
    .option('--key-file <file>', 'unseal with the private key in this file; the key stays on this machine')
    .option('--decompress', 'decompress the file')
    .option('--force', 'replace an existing file')
    .option(
      '--parallel <count>',
      `of an export with several files, download so many at once (default: ${PARALLEL})`,
      parseCount,
    )
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
  /** Path of the file; of several, of their directory. */
  readonly file: string;
  /** Names in that directory. */
  readonly files?: readonly string[];
  readonly bytes: number;
  readonly manifest: Manifest;
}

/** Downloads a finished export, of one file or several, and checks it against its manifest. */
export async function downloadExport(
  cli: Cli,
  id: string,
  following: FollowOptions,
  options: DownloadOptions,
): Promise<Downloaded> {
  const { client, signal } = following;
  const { bytes, manifest } = await getManifest(client, exportPath(id, '/manifest'), signal);
  const [file, ...others] = manifest.files;
  if (file === undefined) throw new CliFailure(EXIT.failed, 'The export has no file.');
  const { keyFile, decompress = false } = options;
  const opening = { identity: keyFile === undefined ? undefined : readIdentity(keyFile), decompress };
  checkOpening({ ...file, recipients: manifest.recipients }, opening);
  const download = { cli, id, following, options, manifest, manifestBytes: bytes, opening };
  return others.length > 0 ? downloadAll(download) : downloadOne(download, file);
}

interface Download {
  readonly cli: Cli;
  readonly id: string;
  readonly following: FollowOptions;
  readonly options: DownloadOptions;
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
  readonly opening: Opening;
}

async function downloadOne(download: Download, entry: ManifestFile): Promise<Downloaded> {
  const { cli, following, options, manifest, opening } = download;
  const { signal, quiet } = following;
  const file = targetFile(options.output, savedName(entry, opening), options.force ?? false);
  const bytes = await displayTransfer(cli.terminal, { label: 'download', quiet }, (onProgress) =>
    fetchFile(remoteFile(download, entry, '/file'), { file, opening, retryMs: RETRY_MS, signal, onProgress }),
  );
  if (options.saveManifest) await saveManifest(download, file + MANIFEST_SUFFIX);
  if (!quiet) cli.terminal.logDone(`saved ${file} (${formatBytes(bytes)}); sizes and SHA-256 match the manifest`);
  return { file, bytes, manifest };
}

async function downloadAll(download: Download): Promise<Downloaded> {
  const { cli, following, options, manifest, opening } = download;
  const { output: directory, force = false, parallel = PARALLEL } = options;
  const { signal, quiet } = following;
  const count = formatNumberOf(manifest.files.length, 'file');
  if (!isDirectory(directory)) throw usage(`The export has ${count}, so -o must be a directory.`);
  const files = manifest.files.map((entry) => ({
    name: savedName(entry, opening),
    bytes: entry.bytes,
    remote: remoteFile(download, entry, `/files/${encodeURIComponent(entry.file)}`),
  }));
  for (const { name } of files) targetFile(join(directory, name), name, force);
  const bytes = await displayTransfer(cli.terminal, { label: 'download', quiet }, (onProgress) =>
    fetchTogether(files, { directory, id: manifest.runId, parallel, opening, retryMs: RETRY_MS, signal, onProgress }),
  );
  if (options.saveManifest) await saveManifest(download, join(directory, allName(manifest) + MANIFEST_SUFFIX));
  const total = formatBytes(bytes);
  if (!quiet) cli.terminal.logDone(`saved ${count} in ${directory} (${total}); sizes and SHA-256 match the manifest`);
  return { file: directory, files: files.map(({ name }) => name), bytes, manifest };
}

function savedName({ file }: ManifestFile, { identity, decompress }: Opening): string {
  return openedName(file, { unseal: identity !== undefined, decompress });
}

/** What the files of an export have in common: `flights`. */
function allName({ files, runId }: Manifest): string {
  return files[0]?.dataset.toLowerCase() ?? runId;
}

/** @param path of the file below the export */
function remoteFile({ id, following: { client, signal } }: Download, entry: ManifestFile, path: string): RemoteFile {
  const { parts, compression } = entry;
  return {
    ...{ parts, compression, ranges: true },
    request: (headers) => client.call('GET', exportPath(id, path), { headers, signal }),
  };
}

async function saveManifest({ id, following, manifestBytes }: Download, path: string): Promise<void> {
  const envelope = await getEnvelope(following.client, exportPath(id, '/manifest'), following.signal);
  await writeFile(path, manifestBytes);
  if (envelope) await writeFile(envelopePath(path), JSON.stringify(envelope));
}
