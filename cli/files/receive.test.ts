import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CliFailure, EXIT } from '../failure.ts';
import { type ReceiveOptions, type RequestFile, receive } from './receive.ts';

const FILE = Buffer.from(Array.from({ length: 50 }, (_, index) => index));

interface Loss {
  readonly bytes: number;
  readonly how: 'error' | 'end' | 'refused';
}

/**
 * Serves the file; each connection breaks after a count of bytes, by an error or by an early end.
 *
 * @param answersRanges whether it sends the rest only, or the whole file again
 */
function breakingAfter(losses: readonly Loss[], answersRanges = true) {
  const offsets: number[] = [];
  const ifRanges: (string | undefined)[] = [];
  const request: RequestFile = async ({ range, 'if-range': ifRange }) => {
    const loss = losses[offsets.length];
    const offset = answersRanges ? Number(/\d+/.exec(range ?? '')?.[0] ?? 0) : 0;
    offsets.push(offset);
    ifRanges.push(ifRange);
    if (loss?.how === 'refused') throw new CliFailure(EXIT.unreachable, 'gone', { temporary: true });
    const to = loss === undefined ? FILE.length : Math.min(FILE.length, offset + loss.bytes);
    return answer(offset, to, loss?.how === 'error');
  };
  return { request, offsets, ifRanges };
}

function answer(offset: number, to: number, fails: boolean): Response {
  async function* chunks() {
    for (let at = offset; at < to; at += 7) yield Uint8Array.from(FILE.subarray(at, Math.min(to, at + 7)));
    if (fails) throw new TypeError('terminated');
  }
  const headers = { etag: '"abc"' };
  return new Response(ReadableStream.from(chunks()), { status: offset > 0 ? 206 : 200, headers });
}

async function collect(request: RequestFile, more: Partial<ReceiveOptions> = {}) {
  const chunks: Uint8Array[] = [];
  const { signal } = new AbortController();
  const options = { request, offset: 0, bytesTotal: FILE.length, ranges: true, retryMs: 0, signal, ...more };
  for await (const chunk of receive(options)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

describe('a download that goes on', () => {
  test('brings every byte once, wherever connections break', async () => {
    const loss = fc.record({ bytes: fc.nat(60), how: fc.constantFrom('error', 'end', 'refused') });
    await fc.assert(
      fc.asyncProperty(fc.array(loss, { maxLength: 4 }), fc.nat(FILE.length), async (losses, offset) => {
        expect(await collect(breakingAfter(losses).request, { offset })).toEqual(FILE.subarray(offset));
      }),
    );
  });

  test('asks again from the byte it was left at', async () => {
    const { request, offsets } = breakingAfter([
      { bytes: 10, how: 'error' },
      { bytes: 0, how: 'refused' },
      { bytes: 5, how: 'end' },
    ]);
    expect(await collect(request)).toEqual(FILE);
    expect(offsets).toEqual([0, 10, 10, 15]);
  });

  test('sends the tag of the first response, so that the rest is of the same file', async () => {
    const { request, ifRanges } = breakingAfter([{ bytes: 10, how: 'error' }]);
    await collect(request);
    expect(ifRanges).toEqual([undefined, '"abc"']);
  });

  test('drops what it has where the whole file is sent again', async () => {
    const losses: Loss[] = [10, 20, 3, 30].map((bytes) => ({ bytes, how: 'error' }));
    for (const ranges of [true, false]) {
      const { request, offsets } = breakingAfter(losses, false);
      expect(await collect(request, { ranges })).toEqual(FILE);
      expect(offsets.length).toBe(5);
    }
  });

  test('is not resumed when the server builds the file per request', async () => {
    const { request, offsets } = breakingAfter([{ bytes: 10, how: 'error' }]);
    await expect(collect(request, { bytesTotal: null })).rejects.toMatchObject({ code: 'broken_off', temporary: true });
    expect(offsets.length).toBe(1);
    expect(await collect(breakingAfter([]).request, { bytesTotal: null })).toEqual(FILE);
  });

  test('asks for nothing when everything is there', async () => {
    const { request, offsets } = breakingAfter([]);
    await collect(request, { offset: FILE.length });
    expect(offsets).toEqual([]);
  });

  test('gives up when nothing comes for long', async () => {
    const losses = Array.from({ length: 100 }, () => ({ bytes: 0, how: 'refused' as const }));
    const { request, offsets } = breakingAfter(losses);
    await expect(collect(request)).rejects.toMatchObject({ exitCode: EXIT.unreachable });
    expect(offsets.length).toBe(31);
  });

  test('gives up sooner when answers break off at the same place', async () => {
    const losses = Array.from({ length: 100 }, () => ({ bytes: 0, how: 'error' as const }));
    const { request, offsets } = breakingAfter([{ bytes: 10, how: 'error' }, ...losses]);
    await expect(collect(request)).rejects.toMatchObject({ exitCode: EXIT.failed, code: 'object_damaged' });
    expect(offsets.length).toBe(6);
  });

  test('does not ask again when it is refused for good, or stopped', async () => {
    const refused: RequestFile = async () => {
      throw new CliFailure(EXIT.failed, 'gone');
    };
    await expect(collect(refused)).rejects.toThrow('gone');
    const { request } = breakingAfter([{ bytes: 10, how: 'error' }]);
    await expect(collect(request, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
  });
});
