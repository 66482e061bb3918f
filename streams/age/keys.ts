/** Keys of age files, as text: identities (private) and recipients (public). Runs in Node and in browsers. */
import { Encrypter, generateHybridIdentity, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { WaybillError } from '../../contracts/failures.ts';

export interface KeyPair {
  /** `AGE-SECRET-KEY-1…` or `AGE-SECRET-KEY-PQ-1…`. Secret: shown once, stored and logged nowhere. */
  readonly identity: string;
  /** `age1…` or `age1pq1…`. */
  readonly recipient: string;
}

/** Kinds of recipient that Waybill seals to, with their length in characters. */
const RECIPIENTS = {
  x25519: { begins: 'age1', characters: 62 },
  postQuantum: { begins: 'age1pq1', characters: 1959 },
} as const;

/** Characters of bech32 (BIP 173) after the separator. */
const BECH32 = /^[qpzry9x8gf2tvdw0s3jn54khce6mua7l]*$/;

export async function generateKey(options: { readonly postQuantum: boolean }): Promise<KeyPair> {
  const identity = await (options.postQuantum ? generateHybridIdentity() : generateX25519Identity());
  return { identity, recipient: await identityToRecipient(identity) };
}

/** @returns a key file in the format of `age-keygen`, so that `age` reads it */
export function keyText({ identity, recipient }: KeyPair): string {
  const created = `${new Date().toISOString().slice(0, 19)}Z`;
  return `# created: ${created}\n# public key: ${recipient}\n${identity}\n`;
}

/**
 * Checks one recipient: X25519 (`age1…`) or post-quantum (`age1pq1…`).
 *
 * @returns the trimmed recipient
 * @throws WaybillError `invalid_recipient` that explains the problem without repeating the text
 */
export function parseRecipient(text: string): string {
  const recipient = text.trim();
  const problem = problemOf(recipient);
  if (problem !== undefined) throw new WaybillError('invalid_recipient', problem, { field: 'recipients' });
  return recipient;
}

/**
 * Checks the recipients of one file, which must all be of the same kind: next to a classic recipient, a post-quantum
 * one protects nothing. `age` refuses the mixture too.
 *
 * @returns the recipients without duplicates
 * @throws WaybillError `invalid_recipient`
 */
export function parseRecipients(texts: readonly string[]): readonly string[] {
  const recipients = [...new Set(texts.map(parseRecipient))];
  if (new Set(recipients.map(isPostQuantum)).size > 1) {
    throw new WaybillError(
      'invalid_recipient',
      'Post-quantum recipients (age1pq1…) cannot be mixed with others: send recipients of one kind.',
      { field: 'recipients' },
    );
  }
  return recipients;
}

/**
 * Reads a key file: one private key per line; empty lines and comments (`#`) are ignored.
 *
 * @throws WaybillError `wrong_key` if there is none or one is malformed; never repeats it
 */
export function parseIdentities(text: string): readonly string[] {
  const keys = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (keys.length === 0) throw new WaybillError('wrong_key', 'No private key was given.');
  for (const key of keys) {
    if (!/^AGE-SECRET-KEY-(PQ-)?1[02-9AC-HJ-NP-Z]{58}$/.test(key)) {
      throw new WaybillError(
        'wrong_key',
        'This is not an age private key: it should be one line that begins with AGE-SECRET-KEY-1 or AGE-SECRET-KEY-PQ-1.',
      );
    }
  }
  return keys;
}

/** @throws WaybillError `wrong_key` if this is not exactly one private key; never repeats it */
export async function recipientOf(identity: string): Promise<string> {
  const [key = '', ...others] = parseIdentities(identity);
  if (others.length > 0)
    throw new WaybillError('wrong_key', 'Exactly one private key is needed, but several were given.');
  try {
    return await identityToRecipient(key);
  } catch {
    // No cause, because the package's message repeats the key.
    throw new WaybillError('wrong_key', 'The private key is mistyped: its checksum does not fit.');
  }
}

function isPostQuantum(recipient: string): boolean {
  return recipient.startsWith(RECIPIENTS.postQuantum.begins);
}

function problemOf(recipient: string): string | undefined {
  if (recipient === '') return 'The recipient is empty.';
  if (/^age-secret-key/i.test(recipient)) {
    return (
      'This is a private key, and it was not stored. Regard it as disclosed: make a new one, ' +
      'keep its AGE-SECRET-KEY to yourself, and send the recipient, which begins with age1.'
    );
  }
  if (recipient.startsWith('ssh-')) return 'SSH keys are not supported: send an age recipient, which begins with age1.';
  if (!recipient.startsWith('age1')) return 'An age recipient begins with age1 (or age1pq1), in lower case.';
  const kind = isPostQuantum(recipient) ? RECIPIENTS.postQuantum : RECIPIENTS.x25519;
  // A second separator ends the name of a plugin: age1yubikey1…, age1tag1….
  if (recipient.lastIndexOf('1') > kind.begins.length - 1) {
    return 'Recipients of age plugins and hardware keys are not supported: send one that begins with age1 or age1pq1.';
  }
  const wrong = [...recipient.slice(kind.begins.length)].findIndex((character) => !BECH32.test(character));
  if (wrong >= 0) return `The recipient has a wrong character at position ${kind.begins.length + wrong + 1}.`;
  if (recipient.length !== kind.characters) {
    return `The recipient has ${recipient.length} characters; one that begins with ${kind.begins} has ${kind.characters}.`;
  }
  try {
    new Encrypter().addRecipient(recipient);
    return undefined;
  } catch {
    return 'The recipient is mistyped: its checksum does not fit.';
  }
}
