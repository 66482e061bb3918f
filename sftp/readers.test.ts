import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WaybillError } from '../contracts/failures.ts';
import type { ManifestFile } from '../contracts/manifest.ts';
import type { Objects } from '../stores/objects/objects.ts';
import { createReaders } from './readers.ts';
import type { Content } from './tree.ts';

const PARTS = [randomBytes(1_500_000), randomBytes(1), randomBytes(2_000_000)];
const WHOLE = Buffer.concat(PARTS);
const file = {
  bytes: WHOLE.length,
  parts: PARTS.map((part, index) => ({ name: `p${index}`, bytes: part.length })),
} as unknown as ManifestFile;
const content = { from: 'store', stored: { prefix: 'run/' }, file } as unknown as Content;

/** A store that counts its requests and the bytes that were taken. */
function createStore(isGone: () => boolean = () => false) {
  const counts = { requests: 0, bytes: 0 };
  const read: Objects['read'] = async function* (key, range) {
    counts.requests += 1;
    if (isGone()) throw new WaybillError('not_found');
    const part = PARTS[Number(key.at(-1))] ?? Buffer.alloc(0);
    const { offset, length } = range ?? { offset: 0, length: part.length };
    for (let at = offset; at < offset + length; at += 65_536) {
      // Its own memory: the reader frees it.
      const chunk = Uint8Array.from(part.subarray(at, Math.min(at + 65_536, offset + length)));
      counts.bytes += chunk.length;
      yield chunk;
    }
  };
  return { counts, objects: { read } };
}

const LIMITS = { aheadBytesMax: 1024 * 1024, totalBytesMax: 2 * 1024 * 1024 };

describe('a reader', () => {
  it('reads in sequence with one request for each part', async () => {
    const { counts, objects } = createStore();
    const reader = createReaders({ objects, ...LIMITS }).open(content);
    const target = Buffer.alloc(WHOLE.length);
    for (let at = 0; at < WHOLE.length; at += 32_768) await reader.read(target.subarray(at, at + 32_768), at);
    expect(target.equals(WHOLE)).toBe(true);
    expect(counts).toEqual({ requests: PARTS.length, bytes: WHOLE.length });
    reader.close();
  });

  it('serves a sequence that comes slightly out of order from the same requests', async () => {
    const { counts, objects } = createStore();
    const reader = createReaders({ objects, ...LIMITS }).open(content);
    const target = Buffer.alloc(131_072);
    for (let at = 0; at < 1_310_720; at += 262_144) {
      for (const offset of [at + 131_072, at]) {
        await reader.read(target, offset);
        expect(target.equals(WHOLE.subarray(offset, offset + 131_072))).toBe(true);
      }
    }
    // The first read began at the second place.
    expect(counts.requests).toBeLessThanOrEqual(PARTS.length + 1);
    reader.close();
  });

  it('reads any places, and little more than what was asked for', async () => {
    const place = fc.tuple(fc.nat(WHOLE.length - 1), fc.integer({ min: 1, max: 300_000 }));
    await fc.assert(
      fc.asyncProperty(fc.array(place, { minLength: 1, maxLength: 8 }), async (places) => {
        const { counts, objects } = createStore();
        const reader = createReaders({ objects, ...LIMITS }).open(content);
        for (const [offset, length] of places) {
          const target = Buffer.alloc(Math.min(length, WHOLE.length - offset));
          await reader.read(target, offset);
          expect(target.equals(WHOLE.subarray(offset, offset + target.length))).toBe(true);
        }
        expect(counts.bytes).toBeLessThanOrEqual(places.length * (LIMITS.aheadBytesMax + 400_000));
        reader.close();
      }),
      { numRuns: 100 },
    );
  });

  it('fails if the objects have gone, and reads again once they are there', async () => {
    let isGone = true;
    const { objects } = createStore(() => isGone);
    const reader = createReaders({ objects, ...LIMITS }).open(content);
    const target = Buffer.alloc(100);
    await expect(reader.read(target, 0)).rejects.toMatchObject({ code: 'gone' });
    isGone = false;
    await reader.read(target, 0);
    expect(target.equals(WHOLE.subarray(0, 100))).toBe(true);
    reader.close();
  });
});
