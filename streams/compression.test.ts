import { execFileSync, spawnSync } from 'node:child_process';
import { constants, gunzipSync, gzipSync, inflateRawSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BLOCK_BYTES, compress } from './compress.ts';
import { decompress } from './decompress.ts';
import { deflateLane, zstdLane } from './lane.ts';
import { collect, pieces } from './stream-fixture.ts';
import { framesOf } from './zstd-frames.ts';

const STOCK = { gzip: (bytes: Uint8Array) => gzipSync(bytes), zstd: (bytes: Uint8Array) => zstdCompressSync(bytes) };

function hasCommand(command: string): boolean {
  return spawnSync(command, ['--version']).status === 0;
}

function sample(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32LE(Math.imul((at >> 6) + 1, 2654435761) >>> 0, at);
  return bytes;
}

describe.each(['gzip', 'zstd'] as const)('%s', (kind) => {
  it.each([0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES, 7 * BLOCK_BYTES + 5])(
    'content of %i bytes comes back as it was',
    async (size) => {
      const content = sample(size);
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.nat(2 * BLOCK_BYTES), { minLength: 1, maxLength: 5 }),
          fc.array(fc.nat(300_000), { minLength: 1, maxLength: 5 }),
          async (there, back) => {
            const file = await collect(compress(pieces(content, [...there, 99_999]), kind));
            expect((await collect(decompress(pieces(file, [...back, 9_999]), kind))).equals(content)).toBe(true);
          },
        ),
        { numRuns: 5 },
      );
    },
  );

  it('expands what does not shrink', async () => {
    const noise = Buffer.from(Array.from({ length: 2 * BLOCK_BYTES + 1 }, (_, at) => Math.imul(at, 2654435761) >>> 13));
    const file = await collect(compress(pieces(noise, [BLOCK_BYTES]), kind));
    expect((await collect(decompress(pieces(file, [65_536]), kind))).equals(noise)).toBe(true);
  });

  it.skipIf(!hasCommand(kind))('is opened by the stock command', async () => {
    for (const size of [0, 3 * BLOCK_BYTES + 5]) {
      const file = await collect(compress(pieces(sample(size), [65_536]), kind));
      const opened = execFileSync(kind, ['-d', '-c'], { input: file, maxBuffer: 2 ** 28 });
      expect(opened.equals(sample(size))).toBe(true);
    }
  });

  it('is read whole by a decoder that takes all of it in one call', async () => {
    const content = sample(3 * BLOCK_BYTES + 5);
    const file = await collect(compress(pieces(content, [65_536]), kind));
    expect((kind === 'gzip' ? gunzipSync(file) : zstdDecompressSync(file)).equals(content)).toBe(true);
  });

  it('opens stock files, and any concatenation of them, at any cut between pieces', async () => {
    const contents = [sample(0), sample(400_000), sample(0), sample(7), sample(200_001)];
    const file = Buffer.concat(contents.map((content) => STOCK[kind](content)));
    const whole = Buffer.concat(contents);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(5_000), { minLength: 1, maxLength: 9 }), async (sizes) => {
        expect((await collect(decompress(pieces(file, [...sizes, 77]), kind))).equals(whole)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('notices every cut, but those between blocks that leave a whole file', async () => {
    const one = await collect(compress(pieces(sample(70_000), [9_999]), kind));
    const two = Buffer.concat([one, one]);
    for (let at = 0; at < two.length; at += at < 40 || Math.abs(at - one.length) < 40 ? 1 : 97) {
      const opened = collect(decompress(pieces(two.subarray(0, at), [1_000]), kind));
      if (at === one.length) await opened;
      else await expect(opened, `cut at ${at}`).rejects.toMatchObject({ code: 'object_damaged' });
    }
  });

  it('notices altered content', async () => {
    const file = await collect(compress(pieces(sample(70_000), [9_999]), kind));
    file.writeUInt8(file.readUInt8(file.length - 3) ^ 1, file.length - 3);
    await expect(collect(decompress(pieces(file, [999]), kind))).rejects.toMatchObject({ code: 'object_damaged' });
  });

  it('refuses the other kind, and plain text', async () => {
    for (const file of [STOCK[kind === 'gzip' ? 'zstd' : 'gzip'](sample(100)), Buffer.from('id,name\n1,a\n')]) {
      await expect(collect(decompress(pieces(file, [5]), kind))).rejects.toMatchObject({ code: 'object_damaged' });
    }
  });

  it('hands the error of the source through, both ways', async () => {
    async function* broken() {
      yield* pieces(STOCK[kind](sample(100_000)), [1_000]);
      throw new TypeError('source broke');
    }
    await expect(collect(compress(broken(), kind))).rejects.toThrow('source broke');
    await expect(collect(decompress(broken(), kind))).rejects.toThrow('source broke');
  });

  it('closes the source when the reader stops early', async () => {
    let closed = 0;
    async function* watched(bytes: Uint8Array) {
      try {
        yield* pieces(bytes, [4_096]);
      } finally {
        closed += 1;
      }
    }
    for await (const _ of compress(watched(sample(9 * BLOCK_BYTES)), kind)) break;
    for await (const _ of decompress(watched(STOCK[kind](sample(9 * BLOCK_BYTES))), kind)) break;
    expect(closed).toBe(2);
  });
});

it('gzip makes one member, for readers that stop after the first', async () => {
  for (const size of [0, 5, 9 * BLOCK_BYTES + 5]) {
    const file = await collect(compress(pieces(sample(size), [65_536]), 'gzip'));
    expect(inflateRawSync(file.subarray(10, -8)).equals(sample(size))).toBe(true);
    expect(file.readUInt32LE(file.length - 4)).toBe(size);
  }
});

it.each([
  ['deflate', () => deflateLane(1)],
  ['zstd', zstdLane],
] as const)('a lane of %s whose compressor ends fails, and never returns half a block', async (_, create) => {
  const lane = create();
  const block = sample(BLOCK_BYTES);
  expect((await lane.compress(block)).length).toBeGreaterThan(0);
  const compressing = lane.compress(block);
  lane.close();
  await expect(compressing).rejects.toThrow();
  await expect(lane.compress(block)).rejects.toThrow();
});

describe('zstd frames', () => {
  it.each([0, 1, 100_000, 3_000_000])('follow the first one, of %i bytes, until the content ends', async (first) => {
    const content = sample(9 * BLOCK_BYTES + 5);
    for (const size of [0, 1, 4 * BLOCK_BYTES, content.length]) {
      const bytes = content.subarray(0, size);
      const file = await collect(compress(pieces(bytes, [65_536, 1]), 'zstd', first));
      expect((await collect(decompress(pieces(file, [9_999]), 'zstd'))).equals(bytes)).toBe(true);
    }
  });

  const content = sample(300_000);
  const skippable = Buffer.from('502a4d1803000000aabbcc', 'hex');

  it.each([
    ['a checksum', { [constants.ZSTD_c_checksumFlag]: 1 }],
    ['no checksum', { [constants.ZSTD_c_checksumFlag]: 0 }],
    ['no content size', { [constants.ZSTD_c_contentSizeFlag]: 0 }],
    ['a large window', { [constants.ZSTD_c_windowLog]: 24, [constants.ZSTD_c_enableLongDistanceMatching]: 1 }],
    ['the best compression', { [constants.ZSTD_c_compressionLevel]: 19 }],
  ])('are found in a file with %s', async (_, params) => {
    for (const size of [0, 1, 255, 256, 70_000, 300_000]) {
      const frame = zstdCompressSync(content.subarray(0, size), { params });
      const file = Buffer.concat([frame, skippable, frame]);
      const ends: number[] = [];
      let at = 0;
      for await (const piece of framesOf(pieces(file, [1, 4_000]))) {
        at += piece.bytes.length;
        if (piece.ends) ends.push(at);
      }
      expect(ends).toEqual([frame.length, frame.length + skippable.length, file.length]);
      expect(await collect(decompress(pieces(file, [1, 4_000]), 'zstd'))).toHaveLength(2 * size);
    }
  });

  it('of equal bytes are stored as runs', async () => {
    const frame = zstdCompressSync(Buffer.alloc(1_000_000, 'a'));
    expect(await collect(decompress(pieces(Buffer.concat([frame, frame]), [1]), 'zstd'))).toHaveLength(2_000_000);
  });
});
