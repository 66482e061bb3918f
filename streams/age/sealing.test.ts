import { armor, Decrypter, Encrypter } from 'age-encryption';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FailureCode, WaybillError } from '../../contracts/failures.ts';
import { collect, pieces, sample } from '../stream-fixture.ts';
import { headerBytes } from './header.ts';
import { generateKey } from './keys.ts';
import { CHUNK_BYTES, contentBytes, sealedBytes } from './layout.ts';
import { seal, unseal } from './payload.ts';

const classic = await generateKey({ postQuantum: false });
const postQuantum = await generateKey({ postQuantum: true });
const stranger = await generateKey({ postQuantum: false });

const MIB = 1024 * 1024;
const BOUNDARIES = [
  0,
  1,
  CHUNK_BYTES - 1,
  CHUNK_BYTES,
  CHUNK_BYTES + 1,
  2 * CHUNK_BYTES - 1,
  2 * CHUNK_BYTES,
  2 * CHUNK_BYTES + 1,
  16 * CHUNK_BYTES,
  16 * CHUNK_BYTES + 1,
  3 * MIB + 17,
];

async function failure(source: AsyncIterable<Uint8Array>): Promise<FailureCode | undefined> {
  try {
    for await (const _ of source);
    return undefined;
  } catch (error) {
    if (error instanceof WaybillError) return error.code;
    throw error;
  }
}

/** Sizes of pieces that cross chunk edges in every way; at least one is not 0, or nothing would ever arrive. */
const chunking = fc
  .array(fc.oneof(fc.nat(40), fc.integer({ min: CHUNK_BYTES - 20, max: CHUNK_BYTES + 20 }), fc.nat(3 * CHUNK_BYTES)), {
    minLength: 1,
    maxLength: 8,
  })
  .map((sizes) => [...sizes, 50_000]);

describe.each(BOUNDARIES)('content of %i bytes', (size) => {
  const content = sample(size);

  it('comes back as it was, in whatever pieces it arrives', async () => {
    await fc.assert(
      fc.asyncProperty(chunking, chunking, async (sealPieces, unsealPieces) => {
        const sealed = await collect(seal(pieces(content, sealPieces), [classic.recipient]));
        const opened = await collect(unseal(pieces(sealed, unsealPieces), classic.identity));
        expect(opened.equals(content)).toBe(true);
      }),
      { numRuns: 10 },
    );
  });

  it('is opened by the age-encryption package', async () => {
    const decrypter = new Decrypter();
    decrypter.addIdentity(classic.identity);
    const sealed = await collect(seal(pieces(content, [10_007]), [classic.recipient]));
    expect(Buffer.from(await decrypter.decrypt(sealed)).equals(content)).toBe(true);
  });

  it('is opened when the age-encryption package sealed it', async () => {
    const encrypter = new Encrypter();
    encrypter.addRecipient(classic.recipient);
    const sealed = await encrypter.encrypt(content);
    expect((await collect(unseal(pieces(sealed, [10_007]), classic.identity))).equals(content)).toBe(true);
  });

  it('has the size that the arithmetic says', async () => {
    const sealed = await collect(seal(pieces(content, [MIB]), [classic.recipient]));
    const header = headerBytes(sealed) ?? Number.NaN;
    expect(sealedBytes(header, size)).toBe(sealed.length);
    expect(contentBytes(header, sealed.length)).toBe(size);
  });
});

describe('recipients', () => {
  it('may be several, and each opens the file', async () => {
    const content = sample(100_000);
    const sealed = await collect(seal(pieces(content, [999]), [classic.recipient, stranger.recipient]));
    for (const { identity } of [classic, stranger]) {
      expect((await collect(unseal(pieces(sealed, [999]), identity))).equals(content)).toBe(true);
    }
  });

  it('may be post-quantum, in both directions with the package', async () => {
    const content = sample(100_000);
    const sealed = await collect(seal(pieces(content, [999]), [postQuantum.recipient]));
    const decrypter = new Decrypter();
    decrypter.addIdentity(postQuantum.identity);
    expect(Buffer.from(await decrypter.decrypt(sealed)).equals(content)).toBe(true);

    const encrypter = new Encrypter();
    encrypter.addRecipient(postQuantum.recipient);
    const theirs = await encrypter.encrypt(content);
    expect((await collect(unseal(pieces(theirs, [999]), postQuantum.identity))).equals(content)).toBe(true);
  });

  it('cannot be none', async () => {
    expect(await failure(seal(pieces(sample(3), [3]), []))).toBe('invalid_recipient');
  });

  it('are refused before anything is sealed when the package cannot use them', async () => {
    // The neutral point: right in form, and every shared secret with it is zero.
    const neutral = 'age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq';
    expect(await failure(seal(pieces(sample(3), [3]), [neutral]))).toBe('invalid_recipient');
  });

  it('leave a stranger with wrong_key and nothing else', async () => {
    const sealed = await collect(seal(pieces(sample(10), [10]), [classic.recipient]));
    for (const identity of [stranger.identity, postQuantum.identity]) {
      expect(await failure(unseal(pieces(sealed, [64]), identity))).toBe('wrong_key');
    }
  });

  it('leave a mistyped key with wrong_key, and it is not repeated', async () => {
    const sealed = await collect(seal(pieces(sample(10), [10]), [classic.recipient]));
    const mistyped = classic.identity.replace(/.$/, classic.identity.endsWith('Q') ? 'P' : 'Q');
    const error: unknown = await collect(unseal(pieces(sealed, [64]), mistyped)).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'wrong_key', cause: undefined });
    expect(String((error as Error).stack)).not.toContain(mistyped.slice(20, 40));
  });

  it('may be found among several keys of a key file', async () => {
    const sealed = await collect(seal(pieces(sample(10), [10]), [classic.recipient]));
    const file = `# created today\n# public key: ${classic.recipient}\n${stranger.identity}\r\n\n${classic.identity}\n`;
    expect(await collect(unseal(pieces(sealed, [64]), file))).toEqual(sample(10));
  });
});

describe('damage', () => {
  const content = sample(2 * CHUNK_BYTES + 100);

  /** Opens and returns the failure; whatever came out before it must be true. */
  async function damage(sealed: Uint8Array): Promise<FailureCode | undefined> {
    let released = 0;
    async function* checked() {
      for await (const chunk of unseal(pieces(sealed, [30_000]), classic.identity)) {
        expect(content.subarray(released, released + chunk.length).equals(chunk)).toBe(true);
        released += chunk.length;
        yield chunk;
      }
    }
    const code = await failure(checked());
    if (code === undefined) expect(released).toBe(content.length);
    return code;
  }

  it('is noticed at every bit of the file', async () => {
    const sealed = await collect(seal(pieces(content, [MIB]), [classic.recipient]));
    const header = headerBytes(sealed) ?? 0;
    // Every byte of header and salt, and bytes anywhere beyond.
    const positions = fc.oneof(fc.nat(header + 16), fc.nat(sealed.length - 1));
    await fc.assert(
      fc.asyncProperty(positions, fc.nat(7), async (at, bit) => {
        const altered = Buffer.from(sealed);
        altered.writeUInt8(altered.readUInt8(at) ^ (1 << bit), at);
        // A recipient's stanza that was altered is a stanza for somebody else.
        expect(['object_damaged', 'wrong_key']).toContain(await damage(altered));
      }),
      { numRuns: 400 },
    );
  });

  it('is noticed wherever the file is cut', async () => {
    const sealed = await collect(seal(pieces(content, [MIB]), [classic.recipient]));
    const edges = [CHUNK_BYTES + 16, 2 * (CHUNK_BYTES + 16)].map((at) => (headerBytes(sealed) ?? 0) + 16 + at);
    await fc.assert(
      fc.asyncProperty(fc.nat(sealed.length - 1), async (at) => {
        expect(await damage(sealed.subarray(0, at))).toBe('object_damaged');
      }),
      { numRuns: 200, examples: [0, 1, ...edges, ...edges.map((at) => at + 16)].map((at): [number] => [at]) },
    );
  });

  it('is noticed in every byte and at every cut of a small file', async () => {
    const small = await collect(seal(pieces(sample(5), [5]), [classic.recipient]));
    for (let at = 0; at < small.length; at += 1) {
      const altered = Buffer.from(small);
      altered.writeUInt8(altered.readUInt8(at) ^ 1, at);
      expect(await failure(unseal(pieces(altered, [7]), classic.identity)), `byte ${at}`).toBeDefined();
      const cut = unseal(pieces(small.subarray(0, at), [7]), classic.identity);
      expect(await failure(cut), `cut at ${at}`).toBe('object_damaged');
    }
  });

  it('is noticed when bytes follow the end', async () => {
    for (const size of [0, 5, CHUNK_BYTES, content.length]) {
      const sealed = await collect(seal(pieces(content.subarray(0, size), [MIB]), [classic.recipient]));
      for (const extra of [1, 16, 17]) {
        expect(await failure(unseal(pieces(Buffer.concat([sealed, sample(extra)]), [999]), classic.identity))).toBe(
          'object_damaged',
        );
      }
    }
  });

  it('is noticed when chunks change places', async () => {
    const sealed = await collect(seal(pieces(content, [MIB]), [classic.recipient]));
    const start = (headerBytes(sealed) ?? 0) + 16;
    const chunk = CHUNK_BYTES + 16;
    const [first, second] = [sealed.subarray(start, start + chunk), sealed.subarray(start + chunk, start + 2 * chunk)];
    const swapped = Buffer.concat([sealed.subarray(0, start), second, first, sealed.subarray(start + 2 * chunk)]);
    expect(await damage(swapped)).toBe('object_damaged');
  });

  it('is reported if the file is not an age file', async () => {
    expect(await failure(unseal(pieces(Buffer.from('id,name\n1,a\n'), [5]), classic.identity))).toBe('object_damaged');
  });

  it('of a kind that only `age -d` opens is told with that advice', async () => {
    const toPassphrase = new Encrypter();
    toPassphrase.setPassphrase('correct horse');
    toPassphrase.setScryptWorkFactor(2);
    const protectedFile = await toPassphrase.encrypt('content');
    const sealed = await collect(seal(pieces(sample(5), [5]), [classic.recipient]));
    for (const [file, sentence] of [
      [Buffer.from(armor.encode(sealed)), 'armored'],
      [Buffer.from(protectedFile), 'passphrase'],
    ] as const) {
      const opened = collect(unseal(pieces(file, [5]), classic.identity));
      await expect(opened).rejects.toThrow(new RegExp(`${sentence}.*\`age -d\``));
    }
  });
});

describe('the source', () => {
  it('hands its own error through', async () => {
    async function* broken() {
      yield sample(10);
      throw new TypeError('source broke');
    }
    await expect(collect(seal(broken(), [classic.recipient]))).rejects.toThrow('source broke');
  });

  it('is closed when the reader stops early', async () => {
    const sealed = await collect(seal(pieces(sample(3 * MIB), [MIB]), [classic.recipient]));
    let closed = 0;
    async function* watched(bytes: Buffer) {
      try {
        yield* pieces(bytes, [4096]);
      } finally {
        closed += 1;
      }
    }
    for await (const _ of unseal(watched(sealed), classic.identity)) break;
    for await (const _ of seal(watched(sample(3 * MIB)), [classic.recipient])) if (_.length > 1000) break;
    expect(closed).toBe(2);
  });
});

describe('sizes', () => {
  it.each([0, 15, 16 + 15, 16 + CHUNK_BYTES + 16 + 16, 16 + CHUNK_BYTES + 16 + 1])(
    'a payload of %i bytes is none that age writes',
    (payload) => {
      expect(() => contentBytes(200, 200 + payload)).toThrow(WaybillError);
    },
  );

  it('are each the inverse of the other', () => {
    fc.assert(
      fc.property(fc.nat(5000), fc.maxSafeNat(), (header, content) => {
        fc.pre(content < 2 ** 48);
        expect(contentBytes(header, sealedBytes(header, content))).toBe(content);
      }),
    );
  });
});
