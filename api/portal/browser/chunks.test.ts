import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WaybillError } from '../../../contracts/failures.ts';
import { openHeader } from '../../../streams/age/header.ts';
import { generateKey } from '../../../streams/age/keys.ts';
import { CHUNK_BYTES, SEALED_CHUNK_BYTES } from '../../../streams/age/layout.ts';
import { seal } from '../../../streams/age/payload.ts';
import { readStart, resume } from '../../../streams/age/start.ts';
import { collect, pieces, sample } from '../../../streams/stream-fixture.ts';
import { bestCipher, type ChunkCipher, nativeCipher, openChunks, payloadKey, portableCipher } from './chunks.ts';

const { identity, recipient } = await generateKey({ postQuantum: false });
const EDGES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 17 * CHUNK_BYTES + 3];

const CIPHERS: readonly [string, (key: Uint8Array<ArrayBuffer>) => Promise<ChunkCipher | undefined>][] = [
  ['native', nativeCipher],
  ['portable', async (key) => portableCipher(key)],
  ['best', bestCipher],
];

async function sealed(content: Uint8Array): Promise<Buffer> {
  return collect(seal(pieces(content, [1 << 20]), [recipient]));
}

async function open(
  file: Uint8Array,
  sizes: readonly number[],
  make: (key: Uint8Array<ArrayBuffer>) => Promise<ChunkCipher | undefined>,
): Promise<Buffer> {
  const source = pieces(file, sizes);
  const { header, salt, rest } = await readStart(source);
  const cipher = await make(await payloadKey(await openHeader(header, identity), salt));
  if (!cipher) throw new Error('this runtime has no such cipher');
  return collect(openChunks(resume(rest, source), cipher));
}

describe.each(CIPHERS)('the %s cipher', (_, make) => {
  it.each(EDGES)('opens %i bytes, in whatever pieces they arrive', async (size) => {
    const content = sample(size);
    const file = await sealed(content);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 3 * CHUNK_BYTES }), { minLength: 1, maxLength: 6 }),
        async (sizes) => {
          // Small pieces of large files take long and show nothing new.
          expect((await open(file, [...sizes, 50_000], make)).equals(content)).toBe(true);
        },
      ),
      { numRuns: 5 },
    );
  });

  it('notices every change, cut and addition, and yields nothing untrue before', async () => {
    const content = sample(2 * CHUNK_BYTES + 100);
    const file = await sealed(content);
    const start = file.length - (2 * SEALED_CHUNK_BYTES + 116);
    const inPayload = fc.integer({ min: start, max: file.length - 1 });
    const changed = fc.tuple(inPayload, fc.nat(7)).map(([at, bit]) => {
      const altered = Buffer.from(file);
      altered.writeUInt8(altered.readUInt8(at) ^ (1 << bit), at);
      return altered;
    });
    const cut = inPayload.map((at) => file.subarray(0, at));
    const edges = [0, 1, 2].map((count) => file.subarray(0, start + count * SEALED_CHUNK_BYTES));
    const longer = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((more) => Buffer.concat([file, more]));
    const damaged = fc.oneof(changed, cut, longer, fc.constantFrom(...edges));
    await fc.assert(
      fc.asyncProperty(damaged, async (bytes) => {
        const error: unknown = await open(bytes, [30_000], make).catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(WaybillError);
        expect(error).toMatchObject({ code: 'object_damaged' });
      }),
      { numRuns: 60 },
    );
  });
});

it('a file is damaged only if both ciphers say so', async () => {
  const key = new Uint8Array(32);
  const nonce = new Uint8Array(12);
  const { chacha20poly1305 } = await import('@noble/ciphers/chacha.js');
  const bytes = chacha20poly1305(key, nonce).encrypt(sample(100)) as Uint8Array<ArrayBuffer>;
  const { subtle } = crypto;
  const decrypt = subtle.decrypt;
  // A browser whose draft of the standard differs.
  subtle.decrypt = () => Promise.reject(new DOMException('', 'OperationError'));
  try {
    const cipher = await bestCipher(key);
    expect(Buffer.from(await cipher(nonce, bytes)).equals(sample(100))).toBe(true);
  } finally {
    subtle.decrypt = decrypt;
  }
});
