import { createHmac, randomBytes } from 'node:crypto';

/** What a secret was found to match. It proves something only as long as the row still holds this very hash. */
export interface Proof {
  readonly credentialId: string;
  /** As the ledger stores it, with its salt. */
  readonly secretHash: string;
}

/**
 * Remembers which secrets were right a moment ago, so that a caller's every request does not pay for scrypt. Secrets
 * are kept only as an HMAC under a key that never leaves the process; wrong ones are not kept at all.
 */
export interface ProvenSecrets {
  /** @param clientId `null` for a bare secret */
  recall(clientId: string | null, secret: string): Proof | undefined;
  remember(clientId: string | null, secret: string, proof: Proof): void;
}

/**
 * @param countMax the one that was used longest ago is forgotten first
 * @param keptMs milliseconds from its last use after which one is forgotten
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
