import { EnabledAnswer } from '../../contracts/views/periodic.ts';
import { generateKey } from '../../streams/age/keys.ts';
import { CliFailure, usage } from '../failure.ts';
import { createKeyFile, type KeyFile } from '../files/keys.ts';
import { type Client, readJson } from '../http/client.ts';

export interface KeyOptions {
  readonly keyOut?: string;
  readonly postQuantum?: boolean;
  readonly seal?: string;
  readonly serverKey?: boolean;
}

export interface Sending {
  readonly client: Client;
  readonly path: string;
  /** Further fields of the body. */
  readonly more: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
}

export interface SentKey {
  readonly answer: EnabledAnswer;
  /** Where the private key is. */
  readonly keyFile?: string;
  /** The private key itself, when it came from the server and was not given a file. */
  readonly privateKey?: string;
}

/** Adds nothing to the body. A key that the server then makes is in the answer. */
export async function sendNothing({ client, path, more, signal }: Sending): Promise<SentKey> {
  const body = Object.keys(more).length === 0 ? {} : { body: more };
  const answer = await readJson(EnabledAnswer, await client.call('POST', path, { ...body, signal }));
  return { answer, ...(answer.privateKey === null ? {} : { privateKey: answer.privateKey }) };
}

/**
 * Sends the recipient of a key that is made here, unless the options say otherwise. The key is on the disk before the
 * request leaves; when the server refuses it, it is removed.
 *
 * @throws CliFailure `usage` when a key would have no place to go
 */
export async function sendKey(sending: Sending, options: KeyOptions): Promise<SentKey> {
  const { keyOut, seal, serverKey } = options;
  const postQuantum = options.postQuantum ?? false;
  if (seal !== undefined) return sendNothing(withMore(sending, { recipient: seal }));
  if (serverKey) return askForKey(withMore(sending, postQuantum ? { postQuantum } : {}), keyOut);
  if (keyOut === undefined) throw nowhereToKeep();
  const key = await generateKey({ postQuantum });
  const keyFile = createKeyFile(keyOut);
  keyFile.write(key);
  const { answer } = await discardingRefused(keyFile, keyOut, () =>
    sendNothing(withMore(sending, { recipient: key.recipient })),
  );
  return { answer, keyFile: keyOut };
}

async function askForKey(sending: Sending, keyOut: string | undefined): Promise<SentKey> {
  if (keyOut === undefined) return sendNothing(sending);
  const keyFile = createKeyFile(keyOut);
  const { answer } = await discardingRefused(keyFile, keyOut, () => sendNothing(sending));
  if (answer.privateKey === null) {
    keyFile.discard();
    return { answer };
  }
  keyFile.write({ identity: answer.privateKey, recipient: answer.recipient });
  return { answer, keyFile: keyOut };
}

async function discardingRefused<Result>(keyFile: KeyFile, name: string, send: () => Promise<Result>): Promise<Result> {
  try {
    return await send();
  } catch (error) {
    if (error instanceof CliFailure && !error.passing && error.code !== undefined) {
      keyFile.discard();
      throw error;
    }
    if (!(error instanceof CliFailure)) throw error;
    throw new CliFailure(error.exitCode, error.message, {
      cause: error,
      ...(error.code === undefined ? {} : { code: error.code }),
      lines: [
        ...error.lines,
        `The key may be in use: compare "waybill periodic status" with "${name}" before you remove it.`,
      ],
    });
  }
}

function withMore(sending: Sending, more: Readonly<Record<string, unknown>>): Sending {
  return { ...sending, more: { ...sending.more, ...more } };
}

/** @throws CliFailure `usage` when the options do not go together */
export function checkKeyOptions({ seal, keyOut, postQuantum, serverKey }: KeyOptions): void {
  if (seal === undefined) return;
  const other =
    keyOut !== undefined ? '--key-out' : postQuantum ? '--post-quantum' : serverKey ? '--server-key' : undefined;
  if (other !== undefined) throw usage(`--seal makes no key, so it cannot be combined with ${other}.`);
}

function nowhereToKeep(): CliFailure {
  return usage(
    'Where should the private key go?',
    '--key-out <file>      make it here; only its recipient is sent',
    '--seal <recipient>    you have a key already',
    '--server-key          let the server make it and show it once',
  );
}
