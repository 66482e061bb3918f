import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

const CIPHER = 'aes-256-gcm';
/** Bytes of the nonce and of the tag. Source: NIST SP 800-38D, sections 5.2.1.1 and 8.2. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Bytes of the beginning that names the key. */
const ID_BYTES = 4;

/** Seals secrets of tenants, for the ledger. */
export interface SecretSealer<Secret> {
  /** @returns bytes that only {@link open} for the same tenant opens */
  seal(tenant: string, secret: Secret): Buffer;
  /** @throws Error if the deployment no longer has the key, or the bytes were altered or belong to another tenant */
  open(tenant: string, sealed: Uint8Array): Secret;
}

/**
 * AES-256-GCM of `node:crypto` with a random nonce; purpose and tenant are authenticated with it, so that a row that is copied to
 * another tenant or table does not open. A sealed secret is the key's id, the nonce, the ciphertext and the tag.
 *
 * @param keys of AES-256, at least one: the first one seals, all of them open
 * @param purpose what the secrets belong to
 */
export function createSecretSealer<Secret>(
  keys: readonly [Buffer, ...Buffer[]],
  purpose: 'destination' | 'webhook' | 'archive',
): SecretSealer<Secret> {
  const first = named(keys[0]);
  const known = keys.map(named);
  const dataOf = (tenant: string) => Buffer.from(`waybill ${purpose} of ${tenant}`);
  return {
    seal(tenant, secret) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, first.key, nonce).setAAD(dataOf(tenant));
      const sealed = Buffer.concat([cipher.update(JSON.stringify(secret), 'utf8'), cipher.final()]);
      return Buffer.concat([first.id, nonce, sealed, cipher.getAuthTag()]);
    },

    open(tenant, sealed) {
      const bytes = Buffer.from(sealed);
      const found = known.find(({ id }) => id.equals(bytes.subarray(0, ID_BYTES)));
      if (!found) throw new Error('the deployment has no key that opens this secret');
      const nonce = bytes.subarray(ID_BYTES, ID_BYTES + NONCE_BYTES);
      const decipher = createDecipheriv(CIPHER, found.key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(dataOf(tenant)).setAuthTag(bytes.subarray(-TAG_BYTES));
      const text = decipher.update(bytes.subarray(ID_BYTES + NONCE_BYTES, -TAG_BYTES), undefined, 'utf8');
      return JSON.parse(text + decipher.final('utf8')) as Secret;
    },
  };
}

function named(key: Buffer) {
  return { key, id: createHash('sha256').update(key).digest().subarray(0, ID_BYTES) };
}
