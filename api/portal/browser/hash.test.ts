import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { sample } from '../../../streams/stream-fixture.ts';
import { incrementalSha256, sha256Of } from './hash.ts';

it.each([0, 1, 63, 64, 65, 1_000_000, 70 * 1024 * 1024])('hashes %i bytes either way', async (size) => {
  const bytes = sample(size) as Buffer<ArrayBuffer>;
  const expected = createHash('sha256').update(bytes).digest('hex');
  for (const hash of [sha256Of, incrementalSha256]) {
    let read = 0;
    const count = (more: number) => {
      read += more;
    };
    expect(await hash(new Blob([bytes]), count, new AbortController().signal)).toBe(expected);
    expect(read).toBe(size);
  }
});

it('stops when it is told to', async () => {
  const blob = new Blob([new Uint8Array(100)]);
  for (const hash of [sha256Of, incrementalSha256]) {
    await expect(hash(blob, () => undefined, AbortSignal.abort())).rejects.toThrow(/abort/i);
  }
});
