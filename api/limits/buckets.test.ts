import { expect, test } from 'vitest';
import { createBuckets } from './buckets.ts';

function at(startMs: number) {
  const time = { ms: startMs };
  return { time, clock: { now: () => new Date(time.ms) } };
}

test('holds a minute’s worth, then fills evenly', () => {
  const { time, clock } = at(0);
  const buckets = createBuckets(clock, 10);
  const takes = Array.from({ length: 5 }, () => buckets.take('a', 4).ok);
  expect(takes).toEqual([true, true, true, true, false]);
  expect(buckets.peek('a', 4)).toMatchObject({ remaining: 0, retryAfterSeconds: 15, resetSeconds: 60 });
  time.ms = 14_999;
  expect(buckets.take('a', 4).ok).toBe(false);
  time.ms = 15_000;
  expect(buckets.take('a', 4).ok).toBe(true);
  time.ms = 10_000_000;
  expect(buckets.peek('a', 4)).toMatchObject({ ok: true, remaining: 4, retryAfterSeconds: 0, resetSeconds: 0 });
});

test('keys do not touch each other, and a clock that goes back takes nothing', () => {
  const { time, clock } = at(100_000);
  const buckets = createBuckets(clock, 10);
  buckets.take('a', 1);
  expect(buckets.take('b', 1).ok).toBe(true);
  time.ms = 0;
  expect(buckets.take('a', 1).ok).toBe(false);
});

test('forgets the key that was used longest ago', () => {
  const buckets = createBuckets(at(0).clock, 2);
  for (const key of ['a', 'b', 'a', 'c']) buckets.take(key, 2);
  expect(buckets.peek('a', 2).remaining).toBe(0);
  expect(buckets.peek('b', 2).remaining).toBe(2);
});
