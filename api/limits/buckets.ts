import type { Clock } from '../deps.ts';

/** What is left in a bucket after an attempt to take from it. */
export interface Taken {
  readonly ok: boolean;
  readonly limit: number;
  /** A count of tokens that are left, whole ones. */
  readonly remaining: number;
  /** Seconds until one more token is there; 0 when there is one. */
  readonly retryAfterSeconds: number;
  /** Seconds until the bucket is full. */
  readonly resetSeconds: number;
}

/** Token buckets by key, in this process's memory: each holds a minute's worth and fills evenly. */
export interface Buckets {
  /** @param perMinute tokens that a bucket holds and gains a minute */
  take(key: string, perMinute: number): Taken;
  /** Looks without taking. */
  peek(key: string, perMinute: number): Taken;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** @param bucketsMax a count of keys that are remembered; the one used longest ago is forgotten first */
export function createBuckets(clock: Clock, bucketsMax: number): Buckets {
  const buckets = new Map<string, Bucket>();

  function current(key: string, perMinute: number): Bucket {
    const now = clock.now().getTime();
    const known = buckets.get(key);
    const gained = known ? (Math.max(0, now - known.at) * perMinute) / 60_000 : perMinute;
    return { tokens: Math.min(perMinute, (known?.tokens ?? 0) + gained), at: now };
  }

  function tell(bucket: Bucket, perMinute: number, ok: boolean): Taken {
    const secondsFor = (tokens: number) => (Math.max(0, tokens) * 60) / perMinute;
    return {
      ok,
      limit: perMinute,
      remaining: Math.floor(bucket.tokens),
      retryAfterSeconds: secondsFor(1 - bucket.tokens),
      resetSeconds: secondsFor(perMinute - bucket.tokens),
    };
  }

  return {
    take(key, perMinute) {
      const bucket = current(key, perMinute);
      const ok = bucket.tokens >= 1;
      if (ok) bucket.tokens -= 1;
      buckets.delete(key);
      buckets.set(key, bucket);
      const oldest = buckets.keys().next().value;
      if (buckets.size > bucketsMax && oldest !== undefined) buckets.delete(oldest);
      return tell(bucket, perMinute, ok);
    },
    peek(key, perMinute) {
      const bucket = current(key, perMinute);
      return tell(bucket, perMinute, bucket.tokens >= 1);
    },
  };
}
