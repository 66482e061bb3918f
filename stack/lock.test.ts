import { mkdtemp, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { withLock } from './lock.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'waybill-lock-'));
  path = join(directory, 'lock');
});
afterEach(() => rm(directory, { recursive: true }));

const signal = new AbortController().signal;

it('lets one at a time in, and tells the other whom it waits for', async () => {
  const order: string[] = [];
  const entered = Promise.withResolvers<void>();
  const waited = Promise.withResolvers<void>();
  const waiting = (holder: string) => {
    order.push(`waiting for ${holder}`);
    waited.resolve();
  };
  const first = withLock(path, { signal, waiting }, async () => {
    entered.resolve();
    await waited.promise;
    order.push('first ends');
  });
  await entered.promise;
  await withLock(path, { signal, waiting }, async () => order.push('second begins'));
  await first;
  expect(order).toEqual([`waiting for process ${process.pid}`, 'first ends', 'second begins']);
  await expect(stat(path)).rejects.toThrow('ENOENT');
});

it('takes over a lock whose holder shows no sign of life', async () => {
  await writeFile(path, 'process 1');
  const long = new Date(Date.now() - 60_000);
  await utimes(path, long, long);
  expect(await withLock(path, { signal, waiting: () => undefined }, async () => 'in')).toBe('in');
});

it('is released by work that fails', async () => {
  const options = { signal, waiting: () => undefined };
  await expect(withLock(path, options, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(await withLock(path, options, async () => 'in')).toBe('in');
});

it('stops waiting when it is told to', async () => {
  await writeFile(path, 'process 1');
  const giveUp = new AbortController();
  const options = { signal: giveUp.signal, waiting: () => giveUp.abort() };
  await expect(withLock(path, options, async () => 'in')).rejects.toThrow(/abort/i);
});
