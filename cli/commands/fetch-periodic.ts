import { type Command, Option } from 'commander';
import { type Manifest, parseManifest } from '../../contracts/manifest.ts';
import { formatExtension } from '../../contracts/order.ts';
import { FILE_TYPES, type FileType, type PeriodicFormat, periodicFormat } from '../../contracts/periodic.ts';
import { PERIODIC_PATH } from '../../contracts/views/periodic.ts';
import { CliFailure, EXIT, usage } from '../failure.ts';
import { readIdentity } from '../files/keys.ts';
import type { Client } from '../http/client.ts';

export interface FetchOptions {
  readonly type?: FileType;
  readonly typed?: boolean;
  readonly keyFile?: string;
  readonly sealed?: boolean;
  readonly force?: boolean;
}

export function addFetchOptions(command: Command): Command {
  return command
    .optionsGroup('Which, and how it is opened:')
    .addOption(new Option('--type <type>', 'csv, or json: an array of objects (default: csv)').choices(FILE_TYPES))
    .option('--key-file <file>', 'unseal with the private key in this file')
    .option('--sealed', 'leave it sealed; "waybill open" or "age -d" opens it')
    .option('--typed', 'JSON with numbers, booleans and objects instead of texts')
    .option('--force', 'replace what exists');
}

/** What a download is asked for with. */
export interface Fetching {
  readonly format: PeriodicFormat;
  /** What follows a file's name. */
  readonly extension: string;
  /** Private keys that open it here; `undefined`: it is saved as it comes. */
  readonly identity: string | undefined;
  /** Private key that the server is sent; `undefined`: it sends what it stores. */
  readonly sentKey: string | undefined;
}

/**
 * @param openHere whether files are opened by this process; otherwise the server opens them
 * @throws CliFailure `usage` when the options do not go together
 */
export function readFetching(options: FetchOptions, openHere: boolean): Fetching {
  const { keyFile, sealed } = options;
  const typed = options.typed ?? false;
  const fileType = options.type ?? (typed ? 'json' : 'csv');
  if ((keyFile === undefined) === (sealed !== true)) {
    throw usage('Add --key-file <file> to open it, or --sealed to leave it as it is: one of the two.');
  }
  if (typed && fileType !== 'json') throw usage('Only JSON has types. Leave --typed out, or --type csv.');
  const format = periodicFormat(fileType, typed);
  const extension = formatExtension(format);
  if (keyFile === undefined) return { format, extension: `${extension}.age`, identity: undefined, sentKey: undefined };
  const identity = readIdentity(keyFile);
  if (openHere) return { format, extension, identity, sentKey: undefined };
  if (identity.includes('\n')) throw usage(`"${keyFile}" holds several private keys, and the server takes one.`);
  return { format, extension, identity: undefined, sentKey: identity };
}

/** Asks for one file, or with `undefined` for the zip of all. */
export function askForFile(
  client: Client,
  file: string | undefined,
  { format, sentKey }: Fetching,
  signal: AbortSignal,
): Promise<Response> {
  const fileType = format === 'csv' ? 'csv' : 'json';
  const query = new URLSearchParams({ ...(file === undefined ? {} : { file }), fileType });
  if (sentKey === undefined) query.set('sealed', 'true');
  if (format === 'typed-json') query.set('parseJsonDataTypes', 'true');
  return client.call('GET', `${PERIODIC_PATH}/${file === undefined ? 'downloadAll' : 'download'}?${query}`, {
    // Compressed on the way, its length would not be told.
    headers: { 'accept-encoding': 'identity', ...(sentKey === undefined ? {} : { 'x-private-key': sentKey }) },
    signal,
  });
}

/** Asks for the manifest of the generation that downloads are of. */
export async function askForManifest(
  client: Client,
  signal: AbortSignal,
): Promise<{ readonly bytes: Uint8Array; readonly manifest: Manifest }> {
  const answer = await client.call('GET', `${PERIODIC_PATH}/manifest`, { signal });
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const parsed = parseManifest(Buffer.from(bytes).toString('utf8'));
  if ('manifest' in parsed) return { bytes, manifest: parsed.manifest };
  throw new CliFailure(EXIT.failed, 'The manifest is not one that this version of waybill can read.', {
    lines: parsed.problem.split('\n'),
  });
}

/** @returns size of the answer's body in bytes; `null`: it is not told. */
export function lengthOf(answer: Response): number | null {
  const length = answer.headers.get('content-length');
  return length === null ? null : Number(length);
}

/** What a download that Ctrl-C ended says; any other error stays what it is. */
export function asStopped(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted ? new CliFailure(EXIT.interrupted, 'The download was stopped; nothing was saved.') : error;
}
