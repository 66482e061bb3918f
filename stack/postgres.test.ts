import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { canReach } from './postgres.ts';

const STRANGER = { uid: 64_321, gid: 64_321 };

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'waybill-reach-'));
  await mkdir(join(root, 'data'));
});
afterEach(() => rm(root, { recursive: true }));

it.each([
  [0o711, true],
  [0o755, true],
  [0o710, false],
  [0o700, false],
])('below a directory of mode %o a stranger gets through: %s', async (mode, reachable) => {
  await chmod(root, mode);
  expect(await canReach(join(root, 'data', 'postgres'), STRANGER)).toBe(reachable);
});

it('lets the owner through what is closed to others', async () => {
  await chmod(root, 0o700);
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  expect(await canReach(join(root, 'data'), owner)).toBe(true);
});
