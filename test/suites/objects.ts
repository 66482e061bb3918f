import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Objects, WriteOptions } from '../../stores/objects/objects.ts';
import { collect, pieces, sample } from '../../streams/stream-fixture.ts';

/** The smallest part of an upload in S3. */
export const PART = 5 * 1024 * 1024;
export const MIB = 1024 * 1024;

export const never = new AbortController().signal;
export const CSV: WriteOptions = { contentType: 'text/csv', signal: never };

/** An object store, with access to what its port hides. */
export interface ObjectsSubject {
  readonly objects: Objects;
  /** Bytes of a part of an upload; infinite if the store has no uploads. */
  readonly partBytes: number;
  contentTypeOf(key: string): Promise<string | undefined>;
  /** Uploads of exactly this key that are neither complete nor aborted. */
  openUploads(key: string): Promise<number>;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Tests of every implementation of the port {@link Objects}. */
export function describeObjects(
  name: string,
  { objects, partBytes, contentTypeOf, openUploads }: ObjectsSubject,
): void {
  beforeAll(() => objects.prepare());

  async function keysBelow(prefix: string): Promise<string[]> {
    const keys: string[] = [];
    for await (const object of objects.list(prefix)) keys.push(object.key);
    return keys;
  }

  describe(name, () => {
    describe('write', () => {
      const several = 3 * PART + 7;
      /** Those that are called for every large object. */
      const CALLBACKS = Number.isFinite(partBytes) ? (['onUpload', 'onProgress'] as const) : (['onProgress'] as const);

      it.each([0, 1, PART - 1, PART, PART + 1, 2 * PART, several])('stores %i bytes unchanged', async (size) => {
        const content = sample(size);
        for (const sizes of [[65_536], [1, 0, 99_991, 7], [PART], [PART + 3], [several]]) {
          const key = `sizes/${size}/${sizes.join('-')}`;
          const uploads: string[] = [];
          const progress: number[] = [];
          const written = await objects.write(key, pieces(content, sizes), {
            ...CSV,
            onUpload: (uploadId) => uploads.push(uploadId),
            onProgress: (bytes) => progress.push(bytes),
          });
          expect(written).toEqual({ bytes: size, sha256: sha256(content) });
          expect(await objects.head(key)).toMatchObject({ key, bytes: size });
          expect((await collect(objects.read(key, undefined, never))).equals(content)).toBe(true);
          expect(await contentTypeOf(key)).toBe('text/csv');
          expect(uploads).toHaveLength(size > partBytes ? 1 : 0);
          expect(progress).toHaveLength(Math.max(1, Math.ceil(size / partBytes)));
          expect(progress).toEqual(progress.toSorted((a, b) => a - b));
          expect(progress.at(-1)).toBe(size);
          expect(await openUploads(key)).toBe(0);
        }
      });

      it('replaces an object', async () => {
        await objects.write('replaced', pieces(sample(PART + 1), [MIB]), CSV);
        await objects.write('replaced', pieces(sample(3), [3]), CSV);
        expect(await objects.get('replaced')).toEqual(sample(3));
      });

      it('leaves nothing when the source fails, before and after the first part', async () => {
        for (const size of [10, PART, PART + 1, 3 * PART + 1]) {
          const key = `broken/${size}`;
          async function* broken() {
            yield* pieces(sample(size), [MIB]);
            throw new TypeError('source broke');
          }
          await expect(objects.write(key, broken(), CSV)).rejects.toThrow('source broke');
          expect(await objects.head(key)).toBeUndefined();
          expect(await openUploads(key)).toBe(0);
        }
      });

      it('leaves nothing when it is aborted, and rejects with the reason, even while the source is silent', async () => {
        for (const size of [10, PART + 1, 3 * PART + 1]) {
          const key = `aborted/${size}`;
          const abort = new AbortController();
          let closed = false;
          let release: () => void = () => undefined;
          async function* silent() {
            try {
              yield* pieces(sample(size), [MIB]);
              setImmediate(() => abort.abort(new RangeError('enough')));
              await new Promise<void>((resolve) => {
                release = resolve;
              });
            } finally {
              closed = true;
            }
          }
          const writing = objects.write(key, silent(), { ...CSV, signal: abort.signal });
          await expect(writing).rejects.toThrow('enough');
          expect(await objects.head(key)).toBeUndefined();
          expect(await openUploads(key)).toBe(0);
          release();
          await expect.poll(() => closed).toBe(true);
        }
      });

      it('leaves nothing when it is aborted while the upload begins, or in its callbacks', async () => {
        for (const when of CALLBACKS) {
          const key = `aborted-in/${when}`;
          const abort = new AbortController();
          const options = { ...CSV, signal: abort.signal, [when]: () => abort.abort(new RangeError('enough')) };
          await expect(objects.write(key, pieces(sample(3 * PART), [MIB]), options)).rejects.toThrow('enough');
          expect(await objects.head(key)).toBeUndefined();
          expect(await openUploads(key)).toBe(0);
        }
      });

      it('does not read the source when it is already aborted', async () => {
        let asked = false;
        async function* watched() {
          asked = true;
          yield sample(1);
        }
        const options = { ...CSV, signal: AbortSignal.abort(new RangeError('too late')) };
        await expect(objects.write('never', watched(), options)).rejects.toThrow('too late');
        expect(asked).toBe(false);
        expect(await objects.head('never')).toBeUndefined();
      });

      it('keeps two writers apart', async () => {
        const [one, two] = [sample(2 * PART + 1), sample(2 * PART + 2).reverse()];
        await Promise.all([
          objects.write('pair/one', pieces(one, [MIB]), CSV),
          objects.write('pair/two', pieces(two, [65_537]), CSV),
        ]);
        expect((await collect(objects.read('pair/one', undefined, never))).equals(one)).toBe(true);
        expect((await collect(objects.read('pair/two', undefined, never))).equals(two)).toBe(true);
      });
    });

    describe('read', () => {
      const content = sample(300_000);
      beforeAll(() => objects.put('ranges', content, 'text/plain'));

      it.each([
        [0, 300_000],
        [0, 1],
        [299_999, 1],
        [100_000, 100_001],
        [5, 0],
      ])('from %i, %i bytes', async (offset, length) => {
        const bytes = await collect(objects.read('ranges', { offset, length }, never));
        expect(bytes.equals(content.subarray(offset, offset + length))).toBe(true);
      });

      it.each([
        [0, 300_001],
        [299_999, 2],
        [300_000, 1],
        [400_000, 5],
      ])('from %i, %i bytes: object_damaged, the object is shorter', async (offset, length) => {
        const reading = collect(objects.read('ranges', { offset, length }, never));
        await expect(reading).rejects.toMatchObject({ code: 'object_damaged' });
      });

      it('of a missing key: not_found at the first pull', async () => {
        for (const range of [undefined, { offset: 1, length: 2 }, { offset: 0, length: 0 }]) {
          const reading = objects.read('missing', range, never)[Symbol.asyncIterator]();
          await expect(reading.next()).rejects.toMatchObject({ code: 'not_found' });
        }
      });

      it('of an empty object is empty', async () => {
        await objects.put('empty', new Uint8Array(), 'text/plain');
        expect(await collect(objects.read('empty', undefined, never))).toHaveLength(0);
      });

      it('ends when it is aborted, and when the reader has enough', async () => {
        await objects.write('long', pieces(sample(4 * PART), [MIB]), CSV);
        const abort = new AbortController();
        const reading = async () => {
          for await (const _ of objects.read('long', undefined, abort.signal)) abort.abort(new RangeError('enough'));
        };
        await expect(reading()).rejects.toThrow('enough');
        for await (const chunk of objects.read('long', undefined, never)) {
          expect(chunk.length).toBeGreaterThan(0);
          break;
        }
      });
    });

    describe('put, get, head', () => {
      it('return what was stored', async () => {
        const body = sample(1_000);
        await objects.put('small', body.subarray(10, 500), 'application/json');
        expect(await objects.get('small')).toEqual(body.subarray(10, 500));
        expect(await contentTypeOf('small')).toBe('application/json');
        const info = await objects.head('small');
        expect(info).toMatchObject({ key: 'small', bytes: 490 });
        expect(Math.abs(Date.now() - (info?.modifiedAt.getTime() ?? 0))).toBeLessThan(600_000);
      });

      it('return undefined for a missing key', async () => {
        expect(await objects.get('missing')).toBeUndefined();
        expect(await objects.head('missing')).toBeUndefined();
      });
    });

    describe('list and remove', () => {
      it('find every object below the prefix, in key order, with any characters in keys', async () => {
        const keys = ['a b', 'a%20b', 'a+b', 'deep/b/c', 'a&<b>', 'a', 'z', 'ä', '007', '1e5'].map(
          (name) => `odd/${name}`,
        );
        for (const key of [...keys, 'odd-not/x']) await objects.put(key, sample(key.length), 'text/plain');
        expect(await keysBelow('odd/')).toEqual(
          keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
        );
        for await (const { key, bytes } of objects.list('odd/')) expect(bytes).toBe(key.length);
        await objects.remove([...keys, 'odd/missing']);
        expect(await keysBelow('odd/')).toEqual([]);
        expect(await keysBelow('odd-not/')).toEqual(['odd-not/x']);
      });

      it('handle more than one page', async () => {
        const keys = Array.from({ length: 1_203 }, (_, at) => `many/${String(at).padStart(5, '0')}`);
        for (let at = 0; at < keys.length; at += 50) {
          await Promise.all(keys.slice(at, at + 50).map((key) => objects.put(key, sample(1), 'text/plain')));
        }
        expect(await keysBelow('many/')).toEqual(keys);
        await objects.remove(keys);
        expect(await keysBelow('many/')).toEqual([]);
      });

      it('accept an empty list of keys', async () => {
        await objects.remove([]);
      });
    });
  });
}
