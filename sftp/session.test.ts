import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WaybillError } from '../contracts/failures.ts';
import { BrokenPacket, READ_BYTES_MAX } from './packets.ts';
import { type SessionDeps, serveSftp } from './session.ts';
import { type Node, normalPath } from './tree.ts';

const CONTENT = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 251));
const time = new Date(0);
const file = {
  name: 'a.csv',
  path: '/exports/t/a.csv',
  kind: 'file',
  bytes: 1000,
  modifiedAt: time,
} as unknown as Node;
const home: Node = { name: 't', path: '/exports/t', kind: 'directory', bytes: 0, modifiedAt: time };

let openReaders = 0;
const deps: SessionDeps = {
  tree: {
    home: '/exports/t',
    find: async (path) => [home, file].find((node) => node.path === path),
    list: async () => [file],
  },
  readers: {
    open() {
      openReaders += 1;
      return {
        bytes: CONTENT.length,
        read: async (target, offset) => void CONTENT.copy(target, 0, offset),
        close: () => (openReaders -= 1),
      };
    },
  },
  authorize: async () => undefined,
  onDownload: async () => undefined,
  onError: (error) => {
    if (!(error instanceof WaybillError)) throw error;
  },
};

/** @returns the replies, as written */
async function serve(chunks: Iterable<Buffer>): Promise<Buffer[]> {
  const replies: Buffer[] = [];
  async function* source() {
    yield* chunks;
  }
  await serveSftp(source(), { write: async (bytes) => void replies.push(Buffer.from(bytes)) }, deps);
  return replies;
}

const uint32 = (value: number) => Buffer.from([value >>> 24, value >>> 16, value >>> 8, value]);
const text = (value: string | Buffer) => Buffer.concat([uint32(Buffer.byteLength(value)), Buffer.from(value)]);
const packet = (type: number, ...fields: readonly Buffer[]) => text(Buffer.concat([Buffer.of(type), ...fields]));
const INIT = packet(1, uint32(3));
const OPEN = packet(3, uint32(1), text('a.csv'), uint32(1), uint32(0));
const read = (length: number, offset = 0) =>
  packet(5, uint32(2), text(uint32(1)), uint32(0), uint32(offset), uint32(length));

describe('a session', () => {
  it('is the same however its bytes are cut', async () => {
    const all = Buffer.concat([INIT, OPEN, read(10, 5), read(2 ** 32 - 1), read(1, 1000)]);
    const whole = await serve([all]);
    expect(whole.map((reply) => reply[4])).toEqual([2, 102, 103, 103, 101]);
    expect(whole[2]?.subarray(13)).toEqual(CONTENT.subarray(5, 15));
    expect(whole[3]?.subarray(13)).toEqual(CONTENT);
    for (const size of [1, 3, 4, 5, 17]) {
      const cut = Array.from({ length: Math.ceil(all.length / size) }, (_, at) =>
        all.subarray(at * size, (at + 1) * size),
      );
      expect(await serve(cut)).toEqual(whole);
    }
    expect(openReaders).toBe(0);
  });

  it.each([
    ['another packet first', OPEN],
    ['a second init', Buffer.concat([INIT, INIT])],
    ['an empty packet', Buffer.concat([INIT, uint32(0)])],
    ['a packet that is too long', Buffer.concat([INIT, uint32(READ_BYTES_MAX + 2000)])],
    ['a packet that ends early', Buffer.concat([INIT, packet(3, uint32(1), uint32(100))])],
  ])('ends with %s', async (_, bytes) => {
    await expect(serve([bytes])).rejects.toThrow(BrokenPacket);
    expect(openReaders).toBe(0);
  });

  it('survives 5,000 packets of any content: each is answered, or ends the session', async () => {
    const small = fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes));
    const field = fc.oneof(
      small,
      small.map(text),
      fc.nat().map(uint32),
      fc.constantFrom(uint32(1), text(uint32(1)), text('a.csv')),
    );
    const type = fc.oneof(fc.constantFrom(3, 4, 5, 7, 8, 11, 12, 16, 17, 19, 200), fc.nat(255));
    const any = fc.tuple(type, fc.array(field, { maxLength: 5 })).map(([kind, fields]) => packet(kind, ...fields));
    await fc.assert(
      fc.asyncProperty(any, async (bytes) => {
        const replies = await serve([INIT, OPEN, bytes]).catch((error: unknown) => {
          expect(error).toBeInstanceOf(BrokenPacket);
          return undefined;
        });
        if (replies) expect(replies.length).toBe(3);
        for (const reply of replies ?? []) expect(reply.readUInt32BE(0)).toBe(reply.length - 4);
        expect(openReaders).toBe(0);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('a path', () => {
  it.each([
    ['', '/home'],
    ['.', '/home'],
    ['a/../b//./c/', '/home/b/c'],
    ['..', '/'],
    ['../../../..', '/'],
    ['/x/../../y', '/y'],
    ['...', '/home/...'],
  ])('%j is %s', (path, normal) => expect(normalPath(path, '/home')).toBe(normal));
});
