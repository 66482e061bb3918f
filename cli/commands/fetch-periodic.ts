import { type Command, Option } from 'commander';
import type { Manifest } from '../../contracts/manifest.ts';
import { formatExtension } from '../../contracts/order.ts';
import { FILE_TYPES, type FileType, type PeriodicFormat, periodicFormat } from '../../contracts/periodic.ts';
import { GENERATION_HEADER, PERIODIC_PATH } from '../../contracts/views/periodic.ts';
import { CliFailure, EXIT, usage } from '../failure.ts';
import type { RemoteFile } from '../files/fetch.ts';
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
    .optionsGroup('Format and key:')
    .addOption(new Option('--type <type>', 'csv, or json: an array of objects (default: csv)').choices(FILE_TYPES))
    .option('--key-file <file>', 'unseal with the private key in this file')
    .option('--sealed', 'keep it sealed; "waybill open" or "age -d" opens it')
    .option('--typed', 'JSON with numbers, booleans and objects instead of texts')
    .option('--force', 'replace existing files');
}

/** Format of a download, and where it is unsealed. */
export interface Fetching {
  readonly format: PeriodicFormat;
  /** Extension of the saved file. */
  readonly extension: string;
  /** Private keys to unseal with locally; `undefined`: the download is saved as it arrives. */
  readonly identity: string | undefined;
  /** Private key for the server to unseal with; `undefined`: it sends the stored bytes. */
  readonly sentKey: string | undefined;
}

/**
 * @param openHere whether files are unsealed locally; otherwise by the server
 * @throws CliFailure `usage` if the options cannot be combined
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

/** A newer generation was published during a download. */
export class GenerationReplaced extends CliFailure {
  constructor() {
    super(EXIT.failed, 'A newer generation was published during the download.', { lines: ['Try again.'] });
  }
}

export interface PeriodicRequest {
  /** Of the generation that the file must belong to. */
  readonly manifest: Manifest;
  /** `undefined`: the zip of all files. */
  readonly file: string | undefined;
  readonly fetching: Fetching;
  readonly signal: AbortSignal;
}

/** One file of a generation, or the zip of all. Its requests throw `GenerationReplaced`. */
export function periodicFile(client: Client, { manifest, file, fetching, signal }: PeriodicRequest): RemoteFile {
  const { format, sentKey } = fetching;
  const fileType = format === 'csv' ? 'csv' : 'json';
  const query = new URLSearchParams({ ...(file === undefined ? {} : { file }), fileType });
  if (sentKey === undefined) query.set('sealed', 'true');
  if (format === 'typed-json') query.set('parseJsonDataTypes', 'true');
  const path = `${PERIODIC_PATH}/${file === undefined ? 'downloadAll' : 'download'}?${query}`;
  const key = sentKey === undefined ? {} : { 'x-private-key': sentKey };
  return {
    parts: manifest.files.find((entry) => entry.name === file && entry.format === format)?.parts,
    compression: 'none',
    ranges: false,
    async request(headers) {
      const answer = await client.call('GET', path, { headers: { ...headers, ...key }, signal });
      if (answer.headers.get(GENERATION_HEADER) === manifest.runId) return answer;
      await answer.body?.cancel();
      throw new GenerationReplaced();
    },
  };
}
