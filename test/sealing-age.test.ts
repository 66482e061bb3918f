import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { generateKey, recipientOf } from '../streams/age/keys.ts';
import { CHUNK_BYTES } from '../streams/age/layout.ts';
import { seal, unseal } from '../streams/age/payload.ts';
import { collect, pieces } from '../streams/stream-fixture.ts';
import { openWithAge } from './archive.ts';
import { temporaryFolder } from './cleanup.ts';
import { useStack } from './context.ts';
import { programPath } from './programs.ts';

const run = promisify(execFile);

let age = '';
let directory = '';

beforeAll(async () => {
  age = await programPath('age', useStack().environment);
  directory = await temporaryFolder();
});

/** @returns a path that no other test uses */
function path(name: string): string {
  return join(directory, `${name}-${randomBytes(4).toString('hex')}`);
}

const SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * 1024 * 1024 + 5];

describe.each([
  { kind: 'X25519', postQuantum: false },
  { kind: 'post-quantum', postQuantum: true },
])('the age command and a $kind key', ({ postQuantum }) => {
  it.each(SIZES)('open what we seal, %i bytes', async (size) => {
    const content = randomBytes(size);
    const { identity, recipient } = await generateKey({ postQuantum });
    const sealed = await collect(seal(pieces(content, [10_007]), [recipient]));
    expect((await openWithAge(sealed, identity)).equals(content)).toBe(true);
  });

  it.each(SIZES)('seal what we open, %i bytes', async (size) => {
    const content = randomBytes(size);
    const { identity, recipient } = await generateKey({ postQuantum });
    const [plain, sealed] = [path('plain'), path('sealed')];
    await writeFile(plain, content);
    await run(age, ['--encrypt', '--recipient', recipient, '--output', sealed, plain]);
    expect((await collect(unseal(pieces(await readFile(sealed), [10_007]), identity))).equals(content)).toBe(true);
  });

  it('create key files that we read', async () => {
    const key = path('key');
    await run(join(dirname(age), 'age-keygen'), [...(postQuantum ? ['-pq'] : []), '-o', key]);
    const file = await readFile(key, 'utf8');
    const content = randomBytes(1_000);
    const [plain, sealed] = [path('plain'), path('sealed')];
    await writeFile(plain, content);
    await run(age, ['--encrypt', '--recipient', await recipientOf(file), '--output', sealed, plain]);
    expect((await collect(unseal(pieces(await readFile(sealed), [10_007]), file))).equals(content)).toBe(true);
  });
});
