import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { collect } from '../streams/stream-fixture.ts';
import { createSpool } from './spool.ts';

const directory = mkdtempSync(join(tmpdir(), 'waybill-test-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** A file system of its own needs user namespaces, which some systems refuse. */
const canMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', '-o', 'size=1m', 'none', directory]).status === 0;

const FILL = `
  const { createSpool } = await import(process.argv[1]);
  const spool = await createSpool(process.argv[2]);
  try {
    for (let block = 0; block < 64; block += 1) await spool.write(new Uint8Array(65_536));
    console.log('fits');
  } catch (error) {
    console.log(error.code, error.cause.code, spool.bytes > 900_000);
  } finally {
    await spool.close();
  }`;

describe('a spool', () => {
  it('gives back what was written, and leaves no name and nothing to read', async () => {
    const spool = await createSpool(directory);
    expect(readdirSync(directory)).toEqual([]);
    for (const text of ['one', '', 'two']) await spool.write(Buffer.from(text));
    expect([(await collect(spool.read())).toString(), spool.bytes]).toEqual(['onetwo', 6]);
    await spool.close();
  });

  it.skipIf(!canMount)('fails with disk_full on a disk that is full', () => {
    const spoolModule = fileURLToPath(new URL('spool.ts', import.meta.url));
    const mounted = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" --input-type=module --eval "$3" "$4" "$1"';
    const asked = ['sh', directory, process.execPath, FILL, spoolModule];
    expect(execFileSync('unshare', ['-rm', 'sh', '-c', mounted, ...asked], { encoding: 'utf8' }).trim()).toBe(
      'disk_full ENOSPC true',
    );
  });
});
