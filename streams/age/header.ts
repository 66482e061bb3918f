/**
 * The header of an age file: who can open it, and the file key sealed to each recipient. Recipients and identities come from
 * the `age-encryption` package. Runs in Node and in browsers.
 *
 * Specification: https://c2sp.org/age#header
 */
import { Decrypter, Encrypter } from 'age-encryption';
import { WaybillError } from '../../contracts/failures.ts';
import { parseIdentities } from './keys.ts';

export interface SealedHeader {
  readonly header: Uint8Array;
  /** 16 secret bytes from which the payload key is derived. */
  readonly fileKey: Uint8Array;
}

/** Larger headers are malicious; a post-quantum recipient takes 2 KiB. */
const HEADER_BYTES_MAX = 1024 * 1024;

/** An empty file ends in a salt of 16 bytes and one chunk that consists only of its 16-byte tag. */
const EMPTY_PAYLOAD_BYTES = 32;

const VERSION_LINE = 'age-encryption.org/v1\n';
const MAC_LINE = '\n--- ';
/** How an age file begins that is written as text. Source: https://c2sp.org/age#ascii-armor */
const ARMOR = '-----BEGIN AGE';
/** Bytes in which it is looked for. */
const TEXT_BYTES = 1024;
/** The only stanza of a file sealed to a passphrase. Source: https://c2sp.org/age#scrypt-recipient-stanza */
const PASSPHRASE_STANZA = '\n-> scrypt ';

/**
 * Creates a file key and seals it to the recipients.
 *
 * @param recipients at least one
 * @throws WaybillError `invalid_recipient` if the package cannot seal to one of them
 */
export async function sealHeader(recipients: readonly string[]): Promise<SealedHeader> {
  if (recipients.length === 0)
    throw new WaybillError('invalid_recipient', 'A sealed file needs at least one recipient.');
  const encrypter = new Encrypter();
  let fileKey = new Uint8Array();
  try {
    for (const recipient of recipients) encrypter.addRecipient(recipient);
    // The package passes the file key only to recipients; this one captures it and adds no stanza, so the header is unaffected.
    encrypter.addRecipient({
      wrapFileKey(key) {
        fileKey = key.slice();
        return [];
      },
    });
    const file = await encrypter.encrypt(new Uint8Array());
    return { header: file.subarray(0, file.length - EMPTY_PAYLOAD_BYTES), fileKey };
  } catch (cause) {
    throw new WaybillError('invalid_recipient', undefined, { cause, field: 'recipients' });
  }
}

/**
 * Opens a header.
 *
 * @param identity one or more private keys, one per line, as in a key file of `age`
 * @throws WaybillError `wrong_key` if none of them opens it, `object_damaged` if it was altered
 */
export async function openHeader(header: Uint8Array, identity: string): Promise<Uint8Array> {
  if (textOf(header).includes(PASSPHRASE_STANZA)) {
    throw new WaybillError('wrong_key', 'The file is sealed to a passphrase, not to a key. Open it with `age -d`.');
  }
  const decrypter = new Decrypter();
  for (const key of parseIdentities(identity)) addIdentity(decrypter, key);
  try {
    return await decrypter.decryptHeader(header);
  } catch (cause) {
    // The package has no error classes; "no identity matched" is the only error that does not mean corruption.
    if (cause instanceof Error && cause.message.startsWith('no identity matched')) throw new WaybillError('wrong_key');
    throw new WaybillError('object_damaged', 'The header of the sealed file is damaged.', { cause });
  }
}

/**
 * @param start the first bytes of an age file, as many as there are
 * @returns the size of the header, up to and including the line end of its MAC, or `undefined` if `start` does not
 *   contain all of it
 * @throws WaybillError `object_damaged` if this is not the start of an age file
 */
export function headerBytes(start: Uint8Array): number | undefined {
  const begun = textOf(start.subarray(0, HEADER_BYTES_MAX + 1));
  if (!begun.startsWith(VERSION_LINE.slice(0, begun.length))) {
    // Blanks may stand before it.
    const text = begun.slice(0, TEXT_BYTES).trimStart();
    if (text !== '' && (text.startsWith(ARMOR) || ARMOR.startsWith(text))) {
      throw new WaybillError('object_damaged', 'The file is armored, as text. Open it with `age -d`.');
    }
    throw new WaybillError('object_damaged', 'The file is not an age file.');
  }
  const mac = begun.indexOf(MAC_LINE, VERSION_LINE.length - 1);
  const end = mac < 0 ? -1 : begun.indexOf('\n', mac + MAC_LINE.length);
  const size = end < 0 ? begun.length : end + 1;
  if (size > HEADER_BYTES_MAX) throw new WaybillError('object_damaged', 'The header of the sealed file has no end.');
  return end < 0 ? undefined : size;
}

/** @returns one character per byte, so that places in it are places in the bytes */
function textOf(bytes: Uint8Array): string {
  return new TextDecoder('latin1').decode(bytes);
}

function addIdentity(decrypter: Decrypter, key: string): void {
  try {
    decrypter.addIdentity(key);
  } catch {
    // No cause, because the package's message repeats the key.
    throw new WaybillError('wrong_key', 'The private key is mistyped: its checksum does not fit.');
  }
}
