import { expect, test } from 'vitest';
import { createDerivationQueue } from './secret-hash.ts';

test('runs two at once, lets three wait in order, and refuses the rest', async () => {
  const takeTurn = createDerivationQueue(2, 3);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const turns = [0, 1, 2, 3, 4].map((index) =>
    takeTurn(async () => {
      begun.push(index);
      await new Promise<void>((resolve) => ends.push(resolve));
      return index;
    }),
  );
  await expect(takeTurn(() => Promise.resolve(5))).rejects.toMatchObject({ code: 'rate_limited' });
  expect(begun).toEqual([0, 1]);
  ends[1]?.();
  expect(await turns[1]).toBe(1);
  await expect.poll(() => begun).toEqual([0, 1, 2]);
  for (const index of [0, 2, 3, 4]) {
    await expect.poll(() => ends[index]).toBeDefined();
    ends[index]?.();
  }
  expect(await Promise.all(turns)).toEqual([0, 1, 2, 3, 4]);
});

test('a failure frees its place', async () => {
  const takeTurn = createDerivationQueue(1, 1);
  const failing = takeTurn(() => Promise.reject(new Error('no memory')));
  const next = takeTurn(() => Promise.resolve('a key'));
  await expect(failing).rejects.toThrow('no memory');
  expect(await next).toBe('a key');
  expect(await takeTurn(() => Promise.resolve('another'))).toBe('another');
});
