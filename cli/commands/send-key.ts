import { EnabledAnswer } from '../../contracts/views/periodic.ts';
import { generateKey } from '../../streams/age/keys.ts';
import { CliFailure, usage } from '../failure.ts';
import { createKeyFile } from '../files/keys.ts';
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
  /** Fields of the body. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
}

export interface SentKey {
  readonly answer: EnabledAnswer;
  /** File with the private key. */
  readonly keyFile?: string;
  /** Private key that the server made, unless it was written to a file. */
  readonly privateKey?: string;
}

/** Sends the settings alone. If the server makes a key, the answer contains it. */
export async function sendSettings({ client, path, settings, signal }: Sending): Promise<SentKey> {
  const body = Object.keys(settings).length === 0 ? {} : { body: settings };
  const answer = await readJson(EnabledAnswer, await client.call('POST', path, { ...body, signal }));
  return { answer, ...(answer.privateKey === null ? {} : { privateKey: answer.privateKey }) };
}

/**
 * Sends the settings with the recipient of a new key, unless the options name a recipient or leave the key to the server. A
 * key made here is on disk before the request leaves, and is removed if the server refuses it.
 *
 * @throws CliFailure `usage` if there is nowhere to keep the key
 */
export async function sendKey(sending: Sending, options: KeyOptions): Promise<SentKey> {
  const { keyOut, seal, serverKey, postQuantum = false } = options;
  const send = (more: Readonly<Record<string, unknown>>) =>
    sendSettings({ ...sending, settings: { ...sending.settings, ...more } });
  if (seal !== undefined) return send({ recipient: seal });
  const forServer = postQuantum ? { postQuantum } : {};
  if (keyOut === undefined) {
    if (serverKey) return send(forServer);
    throw usage(
      'Where should the private key go?',
      '--key-out <file>      make it here; only its recipient is sent',
      '--seal <recipient>    you have a key already',
      '--server-key          let the server make it and show it once',
    );
  }
  const key = serverKey ? undefined : await generateKey({ postQuantum });
  const keyFile = createKeyFile(keyOut);
  if (key) keyFile.write(key);
  try {
    const { answer } = await send(key ? { recipient: key.recipient } : forServer);
    if (key) return { answer, keyFile: keyOut };
    if (answer.privateKey === null) {
      keyFile.discard();
      return { answer };
    }
    keyFile.write({ identity: answer.privateKey, recipient: answer.recipient });
    return { answer, keyFile: keyOut };
  } catch (error) {
    if (!(error instanceof CliFailure)) throw error;
    const { exitCode, message, code, temporary, lines } = error;
    if (!temporary && code !== undefined) {
      keyFile.discard();
      throw error;
    }
    const hint = `The key may be in use: compare "waybill periodic status" with "${keyOut}" before you remove it.`;
    throw new CliFailure(exitCode, message, { cause: error, code, lines: [...lines, hint] });
  }
}

/** @throws CliFailure `usage` if the options cannot be combined */
export function checkKeyOptions({ seal, keyOut, postQuantum, serverKey }: KeyOptions): void {
  if (seal === undefined) return;
  const other =
    keyOut !== undefined ? '--key-out' : postQuantum ? '--post-quantum' : serverKey ? '--server-key' : undefined;
  if (other !== undefined) throw usage(`--seal makes no key, so it cannot be combined with ${other}.`);
}
