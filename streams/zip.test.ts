import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';

import { describe, expect, it, vi } from 'vitest';
import { type Entry, fromBufferPromise } from 'yauzl';
import { collect, pieces, sample } from './stream-fixture.ts';
import { type ZipEntry, zip } from './zip.ts';
import { readZip } from './zip-fixture.ts';

const MIB = 1024 * 1024;
const NOON = new Date('2026-11-21T12:34:56Z');
const never = new AbortController().signal;

function entryOf(name: string, content: Uint8Array, more: Partial<ZipEntry> = {}): ZipEntry {
  const open = () => pieces(content, [100_000, 1, 7_000]);
  return { name, modifiedAt: NOON, bytesMax: content.length, open, ...more };
}

/** An entry that records how far it was read. */
function watched(name: string, source: () => AsyncIterable<Uint8Array>) {
  const seen = { opened: false, closed: false, bytes: 0 };
  async function* content() {
    seen.opened = true;
    try {
      for await (const chunk of source()) {
        seen.bytes += chunk.length;
        yield chunk;
      }
    } finally {
      seen.closed = true;
    }
  }
  return { seen, entry: entryOf(name, new Uint8Array(), { open: content }) };
}

async function* noise(bytes: number) {
  for (let at = 0; at < bytes; at += MIB) yield randomBytes(Math.min(MIB, bytes - at));
}

function hasCommand(command: string): boolean {
  return spawnSync(command, ['-v']).status === 0;
}

async function testWithUnzip(archive: Uint8Array): Promise<{ readonly status: number | null; readonly said: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'zip-test-'));
  try {
    const path = join(directory, 'archive.zip');
    await writeFile(path, archive);
    const { status, stdout } = spawnSync('unzip', ['-t', path], { encoding: 'utf8', maxBuffer: 64 * MIB });
    return { status, said: stdout };
  } finally {
    await rm(directory, { recursive: true });
  }
}

describe('an archive', () => {
  it.each([
    ['no entries', []],
    ['an empty entry', [entryOf('empty.csv', Buffer.alloc(0))]],
    ['one byte', [entryOf('byte', Buffer.from('x'))]],
    ['text that shrinks', [entryOf('a.csv', Buffer.from('id,name\n1,å\n'.repeat(200_000)))]],
    ['noise that does not', [entryOf('noise', sample(3 * MIB + 5))]],
    ['several entries', ['a.csv', 'ß東.json', 'c d'].map((name, at) => entryOf(name, sample(at * 300_000)))],
  ])('of %s reads back', async (_, entries) => {
    const archive = await collect(zip(entries, never));
    const read = await readZip(archive);
    expect(read.map(({ entry }) => entry.fileName)).toEqual(entries.map(({ name }) => name));
    for (const [at, { entry, content }] of read.entries()) {
      expect(content.equals(await collect(entries[at]?.open() ?? pieces(content, [1])))).toBe(true);
      expect(entry.getLastModDate()).toEqual(NOON);
    }
    if (!hasCommand('unzip') || entries.length === 0) return;
    expect(await testWithUnzip(archive)).toMatchObject({ status: 0 });
  });

  it('of any entries reads back', async () => {
    const contents = fc.array(fc.oneof(fc.uint8Array({ maxLength: 2_000 }), fc.nat(200_000).map(sample)), {
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(
        contents,
        fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1 }),
        async (all, sizes) => {
          const entries = all.map((content, at) => ({
            ...entryOf(`file-${at}.csv`, content),
            open: () => pieces(content, [...sizes, 50_000]),
          }));
          const read = await readZip(await collect(zip(entries, never)));
          expect(read.map(({ content }) => content)).toEqual(all.map((content) => Buffer.from(content)));
        },
      ),
      { numRuns: 25 },
    );
  });

  it('is the same in every time zone', async () => {
    const archives: Buffer[] = [];
    for (const zone of ['UTC', 'Asia/Tokyo', 'America/St_Johns']) {
      vi.stubEnv('TZ', zone);
      archives.push(await collect(zip([entryOf('a', sample(10))], never)));
    }
    vi.unstubAllEnvs();
    expect(archives[1]).toEqual(archives[0]);
    expect(archives[2]).toEqual(archives[0]);
    const [read] = await readZip(archives[0] ?? Buffer.alloc(0));
    expect(read?.entry.getLastModDate({ forceDosFormat: true, timezone: 'UTC' })).toEqual(NOON);
  });

  it.each([
    [0, false],
    [2 ** 32 - 2 ** 23, false],
    [2 ** 32 - 2 ** 20, true],
    [2 ** 32, true],
    [2 ** 45, true],
  ])('has an entry of at most %i bytes in zip64: %s', async (bytesMax, zip64) => {
    const archive = await collect(zip([entryOf('a', sample(70_000), { bytesMax }), entryOf('b', sample(9))], never));
    const [first, second] = await readZip(archive);
    expect(first?.entry.versionNeededToExtract).toBe(zip64 ? 45 : 20);
    expect(first?.entry.extraFields.some(({ id }) => id === 1)).toBe(zip64);
    expect(second?.entry.versionNeededToExtract).toBe(20);
    expect(first?.content).toEqual(sample(70_000));
    if (hasCommand('unzip')) expect(await testWithUnzip(archive)).toMatchObject({ status: 0 });
  });
});

/** Entries that the end of an archive counts in 16 bits (APPNOTE.TXT, section 4.3.16). */
const PLAIN_ENTRIES_MAX = 0xffff;

it('an archive of more entries than 16 bits count reads back', { timeout: 300_000 }, async () => {
  const count = PLAIN_ENTRIES_MAX + 2;
  const entries = Array.from({ length: count }, (_, at) => entryOf(`${at}.txt`, Buffer.from(`${at}`)));
  const archive = await collect(zip(entries, never));
  // The record that only zip64 has (section 4.3.14).
  expect(archive.lastIndexOf(Buffer.from('PK\u0006\u0006'))).toBeGreaterThan(0);
  const read = await fromBufferPromise(archive, { lazyEntries: true });
  expect(read.entryCount).toBe(count);
  const found: [string, number][] = [];
  for await (const { fileName, crc32: sum } of read.eachEntry()) found.push([fileName, sum]);
  expect(found).toEqual(entries.map(({ name }, at) => [name, crc32(`${at}`)]));
  if (hasCommand('unzip')) expect(await testWithUnzip(archive)).toMatchObject({ status: 0 });
});

describe('an archive with a password', () => {
  const PASSWORD = 'correct horse battery';
  const entries = ['a.tab', 'empty', 'noise'].map((name, at) =>
    entryOf(name, Buffer.concat([Buffer.alloc(at * 100, 65), sample(at * 300_000)])),
  );

  it('has entries that AES-256 encrypts, without the checksum of their content', async () => {
    const archive = await collect(zip(entries, never, { password: PASSWORD }));
    const read = await fromBufferPromise(archive, { lazyEntries: true });
    const found: Entry[] = [];
    for await (const entry of read.eachEntry()) found.push(entry);
    // 99: AE-x, whose extra field says AE-2, AE, strength 3, deflated. Source: WinZip, AES Encryption Information.
    for (const entry of found) {
      expect([entry.isEncrypted(), entry.compressionMethod, entry.crc32]).toEqual([true, 99, 0]);
      const extra = entry.extraFields.find(({ id }) => id === 0x9901)?.data;
      expect(extra).toEqual(Buffer.from([2, 0, 0x41, 0x45, 3, 8, 0]));
    }
    expect(archive.includes('A'.repeat(100))).toBe(false);
    expect(archive.includes(PASSWORD)).toBe(false);
  });

  it('is never the same twice', async () => {
    const [one, other] = [
      await collect(zip(entries, never, { password: PASSWORD })),
      await collect(zip(entries, never, { password: PASSWORD })),
    ];
    expect(one.length).toBe(other.length);
    expect(one.equals(other)).toBe(false);
  });
});

describe('its sources', () => {
  it('are opened one at a time, in order', async () => {
    const log: string[] = [];
    const entries = ['a', 'b', 'c'].map((name) =>
      entryOf(name, sample(9), {
        async *open() {
          log.push(`${name} opened`);
          yield* pieces(sample(400_000), [65_536]);
          log.push(`${name} read`);
        },
      }),
    );
    expect(await readZip(await collect(zip(entries, never)))).toHaveLength(3);
    expect(log).toEqual(['a opened', 'a read', 'b opened', 'b read', 'c opened', 'c read']);
  });

  it('may use the memory of a chunk again for the next', async () => {
    const content = sample(5 * MIB + 3);
    const open = async function* () {
      const memory = Buffer.alloc(MIB);
      for (let at = 0; at < content.length; at += MIB) {
        const filled = content.copy(memory, 0, at);
        yield memory.subarray(0, filled);
      }
    };
    const [read] = await readZip(await collect(zip([entryOf('a', content, { open })], never)));
    expect(read?.content.equals(content)).toBe(true);
  });

  it('are not opened when the signal has aborted', async () => {
    const { entry, seen } = watched('a', () => noise(MIB));
    await expect(collect(zip([entry], AbortSignal.abort(new TypeError('gone'))))).rejects.toThrow('gone');
    expect(seen.opened).toBe(false);
  });

  it.each([
    ['at once', 0],
    ['after a little', 1_000],
    ['after a lot', 9 * MIB],
  ])('hand their errors out, when they break %s', async (_, bytes) => {
    const broken = watched('broken', async function* () {
      yield* noise(bytes);
      throw new TypeError('source broke');
    });
    const next = watched('next', () => noise(1));
    for (const entries of [[broken.entry], [broken.entry, next.entry], [entryOf('whole', sample(9)), broken.entry]]) {
      await expect(collect(zip(entries, never))).rejects.toThrow('source broke');
    }
    expect(next.seen.opened).toBe(false);
  });

  it('may fail to open', async () => {
    const entry = entryOf('a', sample(9), {
      open() {
        throw new TypeError('not there');
      },
    });
    await expect(collect(zip([entry], never))).rejects.toThrow('not there');
  });

  it('may have names that no archive takes', async () => {
    const { entry, seen } = watched('etc/passwd', () => noise(1));
    await expect(collect(zip([entryOf('a', sample(9)), entry], never))).rejects.toThrow(
      'not a valid name for an entry',
    );
    expect(seen.opened).toBe(false);
  });

  it('are closed when the reader stops early', async () => {
    const first = watched('first', () => noise(64 * MIB));
    const next = watched('next', () => noise(1));
    for await (const _ of zip([first.entry, next.entry], never)) if (first.seen.bytes > 0) break;
    expect(first.seen.closed).toBe(true);
    expect(first.seen.bytes).toBeLessThan(16 * MIB);
    expect(next.seen.opened).toBe(false);
  });

  it('are closed when the signal aborts while they stand still', async () => {
    const abort = new AbortController();
    const still = watched('still', async function* () {
      yield* noise(10);
      abort.abort(new TypeError('client left'));
      await new Promise(() => undefined);
    });
    await expect(collect(zip([still.entry], abort.signal))).rejects.toThrow('client left');
  });

  it('are closed when the signal aborts while the reader stands still', async () => {
    const abort = new AbortController();
    const { entry, seen } = watched('a', () => noise(64 * MIB));
    const archive = zip([entry], abort.signal);
    while (seen.bytes === 0) expect((await archive.next()).done).toBe(false);
    abort.abort(new TypeError('client left'));
    await vi.waitFor(() => expect(seen.closed).toBe(true));
    await expect(archive.next()).rejects.toThrow('client left');
  });

  it('do not wait for archives whose readers stand still', async () => {
    const standing = Array.from({ length: 9 }, (_, at) => zip([watched(`${at}`, () => noise(64 * MIB)).entry], never));
    for (const archive of standing) for (let blocks = 0; blocks < 3; blocks += 1) await archive.next();
    expect(await readZip(await collect(zip([entryOf('a', sample(MIB))], never)))).toHaveLength(1);
    for (const archive of standing) await archive.return(undefined);
  });

  it('are not read far ahead of a slow reader', async () => {
    const { entry, seen } = watched('a', () => noise(24 * MIB));
    let taken = 0;
    let aheadMax = 0;
    for await (const chunk of zip([entry], never)) {
      for (let turns = 0; turns < 20; turns += 1) await turn();
      // Noise does not shrink, so that bytes out can be compared with bytes in.
      taken += chunk.length;
      aheadMax = Math.max(aheadMax, seen.bytes - taken);
    }
    expect(seen.bytes).toBe(24 * MIB);
    expect(aheadMax).toBeLessThan(8 * MIB);
  });
});
