import { createPrivateKey, type KeyObject } from 'node:crypto';

/** @returns an Ed25519 private key in PKCS #8, from PEM; `undefined` if it is none */
export function readSigningKey(pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return undefined;
  }
}
