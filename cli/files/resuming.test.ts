import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CliFailure, EXIT } from '../failure.ts';
import { type OpenAt, resuming } from './resuming.ts';

const FILE = Buffer.from(Array.from({ length: 50 }, (_, index) => index));

/** Serves the file; each connection breaks after so many bytes, by an error or by an early end. */
function breakingAfter(losses: readonly { bytes: number; how: 'error' | 'end' | 'refused' }[]) {
  const offsets: number[] = [];
  const open: OpenAt = async (offset) => {
    const loss = losses[offsets.length];
    offsets.push(offset);
    if (loss?.how === 'refused') throw new CliFailure(EXIT.unreachable, 'gone', { passing: true });
    return (async function* () {
      const to = loss === undefined ? FILE.length : Math.min(FILE.length, offset + loss.bytes);
      for (let at = offset; at < to; at += 7) yield FILE.subarray(at, Math.min(to, at + 7));
      if (loss?.how === 'error') throw new TypeError('terminated');
    })();
  };
  return { open, offsets };
}

async function collect(open: OpenAt, offset = 0, signal = new AbortController().signal) {
  const chunks: Uint8Array[] = [];
  const options = { offset, bytesTotal: FILE.length, retryMs: 0, signal };
  for await (const chunk of resuming(open, options)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

describe('a download that goes on', () => {
  test('brings every byte once, wherever connections break', async () => {
    const loss = fc.record({ bytes: fc.nat(60), how: fc.constantFrom('error', 'end', 'refused') });
    await fc.assert(
      fc.asyncProperty(fc.array(loss, { maxLength: 4 }), fc.nat(FILE.length), async (losses, offset) => {
        expect(await collect(breakingAfter(losses).open, offset)).toEqual(FILE.subarray(offset));
      }),
    );
  });

  test('asks again from the byte it was left at', async () => {
    const { open, offsets } = breakingAfter([
      { bytes: 10, how: 'error' },
      { bytes: 0, how: 'refused' },
      { bytes: 5, how: 'end' },
    ]);
    expect(await collect(open)).toEqual(FILE);
    expect(offsets).toEqual([0, 10, 10, 15]);
  });

  test('asks for nothing when everything is there', async () => {
    const { open, offsets } = breakingAfter([]);
    await collect(open, FILE.length);
    expect(offsets).toEqual([]);
  });

  test('gives up when nothing comes for long', async () => {
    const losses = Array.from({ length: 100 }, () => ({ bytes: 0, how: 'refused' as const }));
    const { open, offsets } = breakingAfter(losses);
    await expect(collect(open)).rejects.toMatchObject({ exitCode: EXIT.unreachable });
    expect(offsets.length).toBe(31);
  });

  test('gives up sooner when answers break off at the same place', async () => {
    const losses = Array.from({ length: 100 }, () => ({ bytes: 0, how: 'error' as const }));
    const { open, offsets } = breakingAfter([{ bytes: 10, how: 'error' }, ...losses]);
    await expect(collect(open)).rejects.toMatchObject({ exitCode: EXIT.failed, code: 'object_damaged' });
    expect(offsets.length).toBe(6);
  });

  test('does not ask again when it is refused for good, or stopped', async () => {
    const refused: OpenAt = async () => {
      throw new CliFailure(EXIT.failed, 'gone');
    };
    await expect(collect(refused)).rejects.toThrow('gone');
    const { open } = breakingAfter([{ bytes: 10, how: 'error' }]);
    await expect(collect(open, 0, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
  });
});
