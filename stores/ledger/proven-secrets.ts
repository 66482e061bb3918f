import { createHmac, randomBytes } from 'node:crypto';

/** The credential that a secret matched. Valid only while the row still has this hash. */
export interface Proof {
  readonly credentialId: string;
  /** As stored in the ledger, salt included. */
  readonly secretHash: string;
}

/**
 * Caches recently verified secrets, so that scrypt does not run for every request. Secrets are kept only as an HMAC under a
 * key that never leaves the process; wrong ones are not kept.
 */
export interface ProvenSecrets {
  /** @param clientId `null` for a bare secret */
  recall(clientId: string | null, secret: string): Proof | undefined;
  remember(clientId: string | null, secret: string, proof: Proof): void;
}

/**
 * @param countMax capacity; the least recently used is dropped first
 * @param keptMs milliseconds after its last use at which an entry is dropped
 * @param nowMs a clock, milliseconds
 */
export function createProvenSecrets(countMax: number, keptMs: number, nowMs: () => number): ProvenSecrets {
  const memoryKey = randomBytes(32);
  /** In order of their last use. */
  const proven = new Map<string, { readonly proof: Proof; readonly until: number }>();

  const placeOf = (clientId: string | null, secret: string) =>
    createHmac('sha256', memoryKey)
      .update(JSON.stringify([clientId, secret]))
      .digest('base64');

  function keep(place: string, proof: Proof): void {
    proven.delete(place);
    proven.set(place, { proof, until: nowMs() + keptMs });
    for (const [oldest, { until }] of proven) {
      if (proven.size <= countMax && until > nowMs()) break;
      proven.delete(oldest);
    }
  }

  return {
    recall(clientId, secret) {
      const place = placeOf(clientId, secret);
      const known = proven.get(place);
      if (known === undefined || known.until <= nowMs()) return undefined;
      keep(place, known.proof);
      return known.proof;
    },
    remember(clientId, secret, proof) {
      keep(placeOf(clientId, secret), proof);
    },
  };
}
