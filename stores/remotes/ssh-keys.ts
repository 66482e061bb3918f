import ssh2 from 'ssh2';
import { FINGERPRINT } from '../../contracts/destination.ts';
import { parseSshKey, sshFingerprint } from '../../contracts/ssh-key.ts';

/** A host key as a destination pins it. */
export interface PinnedHostKey {
  readonly fingerprint: string;
  /** `null`: only the fingerprint is known. */
  readonly type: string | null;
}

/**
 * Reads a fingerprint, or a public key as in `ssh_host_ed25519_key.pub`.
 * @returns `undefined` if it is neither, or a key of a type that no longer counts as secure
 */
export function readHostKey(text: string): PinnedHostKey | undefined {
  const fingerprint = text.trim();
  if (FINGERPRINT.test(fingerprint)) return { fingerprint, type: null };
  const key = parseSshKey(text);
  if ('problem' in key) return undefined;
  const [type = ''] = key.publicKey.split(' ', 1);
  return { fingerprint: key.fingerprint, type };
}

/**
 * Makes an Ed25519 key pair, both halves as `ssh-keygen` writes them. ssh2 drops the leading zero of one public key in 256, which
 * no program then reads; such a pair is made again.
 */
export function generateSshKey(options: KeyOptions = {}): { readonly private: string; readonly public: string } {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', options);
    if ('fingerprint' in parseSshKey(pair.public)) return pair;
  }
}

/** A comment, and a passphrase with the cipher that it opens. */
interface KeyOptions {
  readonly comment?: string;
  readonly passphrase?: string;
  readonly cipher?: string;
  readonly rounds?: number;
}

/**
 * @param text a private key without a passphrase, in OpenSSH's format or PEM
 * @returns the fingerprint of its public half, as `ssh-keygen -l` prints it; `undefined` if it is none
 */
export function privateKeyFingerprint(text: string): string | undefined {
  const parsed = ssh2.utils.parseKey(`${text.trimEnd()}\n`);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key instanceof Error || !key?.isPrivateKey()) return undefined;
  return sshFingerprint(key.getPublicSSH());
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
