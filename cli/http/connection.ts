import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { usage } from '../failure.ts';

/** Where Waybill is and who asks. */
export interface Connection {
  readonly url: URL;
  readonly clientId: string;
  readonly secret: string;
}

export interface ConnectionOptions {
  readonly url?: string;
  readonly clientId?: string;
  readonly secretFile?: string;
}

const URL_DEFAULT = 'http://127.0.0.1:8080';

/** The secret is never an option: other users of the machine can read the arguments of a process. */
export function addConnectionOptions(command: Command): Command {
  return command
    .optionsGroup('Connection:')
    .option('--url <url>', `where Waybill answers; else WAYBILL_URL, else ${URL_DEFAULT}`)
    .option('--client-id <id>', 'who you are; else WAYBILL_CLIENT_ID')
    .option(
      '--secret-file <file>',
      'file that holds your secret; else WAYBILL_CLIENT_SECRET_FILE or WAYBILL_CLIENT_SECRET',
    );
}

/** @throws CliFailure `usage` that names what is missing. */
export function readConnection(
  options: ConnectionOptions,
  environment: Readonly<Record<string, string | undefined>>,
): Connection {
  const address = options.url ?? (environment.WAYBILL_URL || URL_DEFAULT);
  const url = URL.parse(address.endsWith('/') ? address : `${address}/`);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw usage(`"${address}" is not an http or https address.`, `Example: --url ${URL_DEFAULT}`);
  }
  if (url.username || url.password) {
    throw usage('The address holds credentials.', 'Give them as WAYBILL_CLIENT_ID and WAYBILL_CLIENT_SECRET.');
  }
  const clientId = options.clientId ?? environment.WAYBILL_CLIENT_ID;
  if (!clientId) throw usage('Who are you?', 'Set WAYBILL_CLIENT_ID, or give --client-id.');
  const secretFile = options.secretFile ?? environment.WAYBILL_CLIENT_SECRET_FILE;
  const secret = secretFile ? readSecret(secretFile) : environment.WAYBILL_CLIENT_SECRET;
  if (!secret) throw usage('The secret is missing.', 'Set WAYBILL_CLIENT_SECRET, or give --secret-file.');
  return { url, clientId, secret };
}

function readSecret(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw usage(`The secret file "${file}" cannot be read: ${reason(cause)}.`);
  }
}

/** What the system says, without its stack: `ENOENT`. */
function reason(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
}
