import { createHmac, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';

/** scrypt's cost: 32 MiB and about 60 ms for each derivation. Source: RFC 7914, OWASP password storage. */
const COST: ScryptOptions = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 2 ** 20 };
/** Never raised: the index entries in every ledger were made at this cost. */
const LOOKUP_COST: ScryptOptions = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 2 ** 20 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** Wide enough that two keys hardly ever share an entry; where they do, both hashes are compared. */
const LOOKUP_BYTES = 5;

const STORED = /^scrypt\$N=(\d+),r=(\d+),p=(\d+)\$([\w-]{22})\$([\w-]{43})$/;

/** A secret of 256 random bits, for credentials that we make up. */
export function generateSecret(): string {
  return `wbs_${randomBytes(32).toString('base64url')}`;
}

/** Hashes and checks secrets. Remembers derivations, so that a caller's every request does not pay for one. */
export interface SecretHash {
  /** @returns `scrypt$N=…,r=…,p=…$salt$hash` with a new salt. */
  hash(secret: string): Promise<string>;
  /** In constant time. @param stored what {@link hash} returned, or `undefined` when nobody has such a secret. */
  verify(secret: string, stored: string | undefined): Promise<boolean>;
  /**
   * Index entry of a bare secret: the first bytes of scrypt under the deployment's salt, so that guessing against the
   * index costs as much as guessing against the hash.
   */
  lookup(secret: string, salt: Buffer): Promise<Buffer>;
}

/**
 * @param derivationsMax a count of derivations kept in memory, under an HMAC of salt and secret with a key that never
 *   leaves the process. What is kept is what the ledger holds too: a rotated secret has another salt and misses.
 */
export function createSecretHash(derivationsMax: number): SecretHash {
  const memoryKey = randomBytes(32);
  const derived = new Map<string, Promise<Buffer>>();
  const nobody = encode(randomBytes(SALT_BYTES), randomBytes(HASH_BYTES), COST);

  function derive(secret: string, salt: Buffer, cost: ScryptOptions): Promise<Buffer> {
    const place = createHmac('sha256', memoryKey).update(salt).update(secret).digest('base64');
    const known = derived.get(place);
    derived.delete(place);
    const result = known ?? runScrypt(secret, salt, cost);
    derived.set(place, result);
    for (const oldest of derived.keys()) {
      if (derived.size <= derivationsMax) break;
      derived.delete(oldest);
    }
    if (!known) result.catch(() => derived.delete(place));
    return result;
  }

  return {
    async hash(secret) {
      const salt = randomBytes(SALT_BYTES);
      return encode(salt, await derive(secret, salt, COST), COST);
    },
    async verify(secret, stored) {
      const { salt, hash, cost } = decode(stored ?? nobody);
      const equal = timingSafeEqual(await derive(secret, salt, cost), hash);
      return equal && stored !== undefined;
    },
    async lookup(secret, salt) {
      return (await derive(secret, salt, LOOKUP_COST)).subarray(0, LOOKUP_BYTES);
    },
  };
}

function runScrypt(secret: string, salt: Buffer, cost: ScryptOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(secret, salt, HASH_BYTES, cost, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

function encode(salt: Buffer, hash: Buffer, cost: ScryptOptions): string {
  const { N, r, p } = cost;
  return `scrypt$N=${N},r=${r},p=${p}$${salt.toString('base64url')}$${hash.toString('base64url')}`;
}

function decode(stored: string): { salt: Buffer; hash: Buffer; cost: ScryptOptions } {
  const [, N, r, p, salt = '', hash = ''] = STORED.exec(stored) ?? [];
  if (N === undefined) throw new TypeError('A stored secret is not a scrypt hash');
  return {
    salt: Buffer.from(salt, 'base64url'),
    hash: Buffer.from(hash, 'base64url'),
    cost: { N: Number(N), r: Number(r), p: Number(p), maxmem: 256 * Number(N) * Number(r) },
  };
}
