import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { WaybillError } from '../../contracts/failures.ts';

/** scrypt's cost: 32 MiB and about 60 ms for each derivation. Source: RFC 7914, OWASP password storage. */
const COST: ScryptOptions = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 2 ** 20 };
/** Never raised: the index entries in every ledger were made at this cost. */
const LOOKUP_COST: ScryptOptions = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 2 ** 20 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** Wide enough that collisions are rare; on a collision, both hashes are compared. */
const LOOKUP_BYTES = 5;

const STORED = /^scrypt\$N=(\d+),r=(\d+),p=(\d+)\$([\w-]{22})\$([\w-]{43})$/;

/** A secret of 256 random bits, for credentials that Waybill generates. */
export function generateSecret(): string {
  return `wbs_${randomBytes(32).toString('base64url')}`;
}

/**
 * Concurrent derivations: half of libuv's four default threads. Signatures, file access and DNS lookups need the rest.
 */
const RUNNING_MAX = 2;
/** Maximum number of waiting derivations; the last one waits about two seconds. */
const WAITING_MAX = 62;

/**
 * Hashes and verifies secrets with bounded concurrency.
 * All methods throw WaybillError `rate_limited` if too many are waiting.
 */
export interface SecretHash {
  /** @returns `scrypt$N=…,r=…,p=…$salt$hash` with a new salt. */
  hash(secret: string): Promise<string>;
  /** In constant time. @param stored what {@link hash} returned, or `undefined` if there is no such credential */
  verify(secret: string, stored: string | undefined): Promise<boolean>;
  /**
   * Index entry of a bare secret: the first bytes of scrypt under the deployment's salt, so guessing against the index
   * costs as much as guessing against the hash.
   */
  lookup(secret: string, salt: Buffer): Promise<Buffer>;
}

export function createSecretHash(): SecretHash {
  const takeTurn = createDerivationQueue(RUNNING_MAX, WAITING_MAX);
  const nobody = encode(randomBytes(SALT_BYTES), randomBytes(HASH_BYTES), COST);

  const derive = (secret: string, salt: Buffer, cost: ScryptOptions) => takeTurn(() => runScrypt(secret, salt, cost));

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

/**
 * Runs key derivations with bounded concurrency and a bounded queue.
 * @throws WaybillError `rate_limited` immediately if the queue is full
 */
export type DerivationQueue = <Result>(derive: () => Promise<Result>) => Promise<Result>;

/**
 * @param runningMax how many may run at once
 * @param waitingMax how many may wait
 */
export function createDerivationQueue(runningMax: number, waitingMax: number): DerivationQueue {
  const waiting: (() => void)[] = [];
  let running = 0;

  return async function takeTurn(derive) {
    if (running < runningMax) {
      running += 1;
    } else if (waiting.length < waitingMax) {
      // A finished derivation hands its slot to the next in line, so a later caller cannot jump the queue.
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else {
      throw new WaybillError('rate_limited', 'Too many secrets are being checked. Try again in a few seconds.');
    }
    try {
      return await derive();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
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
