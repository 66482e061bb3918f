import { createHash } from 'node:crypto';
import ssh2 from 'ssh2';
import { FINGERPRINT } from '../../contracts/destination.ts';

/** Types of host keys that are accepted. */
const HOST_KEY_TYPES = /^(?:ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521)|ssh-rsa)$/;

/** A host key as a destination pins it. */
export interface PinnedHostKey {
  readonly fingerprint: string;
  /** `null`: only the fingerprint is known. */
  readonly type: string | null;
}

/** @returns the fingerprint of a public key as it is sent, in the form of `ssh-keygen -l` */
export function fingerprintOf(key: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/**
 * Reads a fingerprint, or a public key as in `ssh_host_ed25519_key.pub` or `known_hosts` without the host.
 * @returns `undefined` if it is neither, or a key of a type that no longer counts as secure
 */
export function readHostKey(text: string): PinnedHostKey | undefined {
  const [type = '', encoded = ''] = text.trim().split(/\s+/);
  if (FINGERPRINT.test(type)) return { fingerprint: type, type: null };
  const blob = Buffer.from(encoded, 'base64');
  // The key begins with its type, as a string with a length of 32 bits. Source: RFC 4253, section 6.6.
  const length = blob.length > 4 ? blob.readUInt32BE(0) : 0;
  if (!HOST_KEY_TYPES.test(type) || blob.subarray(4, 4 + length).toString('latin1') !== type) return undefined;
  return { fingerprint: fingerprintOf(blob), type };
}

/** @returns what is wrong with a private key, as a sentence that quotes none of it; `undefined`: nothing */
export function privateKeyProblem(text: string, passphrase: string | undefined): string | undefined {
  const parsed = ssh2.utils.parseKey(text, passphrase);
  if (parsed instanceof Error) {
    return /passphrase|encrypted|decrypt|integrity/i.test(parsed.message)
      ? 'Is encrypted, and the passphrase does not open it.'
      : 'Should be a private key as "ssh-keygen -t ed25519" writes it.';
  }
  const keys = Array.isArray(parsed) ? parsed : [parsed];
  if (!keys.some((key) => key.isPrivateKey())) return 'Is a public key: the private key is needed.';
  return keys.some(({ type }) => type === 'ssh-dss') ? 'Is a DSA key, which no longer counts as secure.' : undefined;
}
