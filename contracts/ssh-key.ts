import { createHash, createPublicKey, type JsonWebKey } from 'node:crypto';

/** A public key that may log in over SSH. */
export interface SshKey {
  /** As `ssh-keygen -l` prints it: `SHA256:` and the hash of the key in base64 without padding. */
  readonly fingerprint: string;
  /** `<type> <base64>`, as in a file of public keys but without its comment. */
  readonly publicKey: string;
}

const RSA_BITS_MIN = 2048;
/** Longer than an RSA key of 16,384 bits. */
const LENGTH_MAX = 4096;
const LINE = /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) ([A-Za-z0-9+/]+={0,2})(?:[ \t].*)?$/;

const CURVES: Readonly<Record<string, { readonly crv: string; readonly bytes: number }>> = {
  nistp256: { crv: 'P-256', bytes: 32 },
  nistp384: { crv: 'P-384', bytes: 48 },
  nistp521: { crv: 'P-521', bytes: 66 },
};

/**
 * Reads one line of a public key file: Ed25519, ECDSA, or RSA of at least 2048 bits.
 * Sources: RFC 4253 section 6.6, RFC 5656 section 3.1, RFC 8709 section 4.
 *
 * @returns the key, or what is wrong with the line, as a sentence
 */
export function parseSshKey(text: string): SshKey | { readonly problem: string } {
  const line = text.trim();
  const [, type = '', base64 = ''] = (line.length <= LENGTH_MAX && LINE.exec(line)) || [];
  if (type === '') {
    return { problem: 'Send one line of a public key file, of the type ssh-ed25519, ecdsa-sha2-nistp… or ssh-rsa.' };
  }
  const blob = Buffer.from(base64, 'base64');
  const jwk = jwkOf(type, blob);
  if (!jwk) return { problem: 'The public key is damaged. Copy the whole line.' };
  try {
    const bits = createPublicKey({ key: jwk, format: 'jwk' }).asymmetricKeyDetails?.modulusLength;
    if (bits !== undefined && bits < RSA_BITS_MIN) {
      return { problem: `An RSA key must have at least ${RSA_BITS_MIN} bits; this one has ${bits}.` };
    }
  } catch {
    return { problem: 'The public key is damaged. Copy the whole line.' };
  }
  return { fingerprint: sshFingerprint(blob), publicKey: `${type} ${blob.toString('base64')}` };
}

/** @param blob the public key in SSH's wire format */
export function sshFingerprint(blob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

function jwkOf(type: string, blob: Buffer): JsonWebKey | undefined {
  const fields = stringsOf(blob);
  const [name, first, second] = fields ?? [];
  if (name?.toString('latin1') !== type || first === undefined) return undefined;
  const text = (bytes: Buffer) => bytes.toString('base64url');
  if (type === 'ssh-ed25519') {
    return fields?.length === 2 ? { kty: 'OKP', crv: 'Ed25519', x: text(first) } : undefined;
  }
  if (second === undefined || fields?.length !== 3) return undefined;
  if (type === 'ssh-rsa') return { kty: 'RSA', e: text(unsigned(first)), n: text(unsigned(second)) };
  const curve = CURVES[first.toString('latin1')];
  // An uncompressed point: 4, then both coordinates.
  if (!curve || !type.endsWith(first.toString('latin1'))) return undefined;
  if (second.length !== 1 + 2 * curve.bytes || second[0] !== 4) return undefined;
  const [x, y] = [second.subarray(1, 1 + curve.bytes), second.subarray(1 + curve.bytes)];
  return { kty: 'EC', crv: curve.crv, x: text(x), y: text(y) };
}

/** The length-prefixed strings that the blob consists of, or `undefined` if it is no sequence of them. */
function stringsOf(blob: Buffer): Buffer[] | undefined {
  const strings: Buffer[] = [];
  for (let at = 0; at < blob.length; ) {
    if (at + 4 > blob.length) return undefined;
    const end = at + 4 + blob.readUInt32BE(at);
    if (end > blob.length) return undefined;
    strings.push(blob.subarray(at + 4, end));
    at = end;
  }
  return strings;
}

/** Without the zero byte in front of a number whose first bit is set. */
function unsigned(number: Buffer): Buffer {
  return number[0] === 0 ? number.subarray(1) : number;
}
