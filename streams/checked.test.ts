import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { checkedBlocks } from './checked.ts';
import { pieces, sample } from './stream-fixture.ts';

const BLOCK = 16;

/** Blocks as they are yielded, copied, and the error that ended the stream. */
async function gather(content: Uint8Array, sizes: readonly number[], sha256: string | null) {
  const blocks: Uint8Array[] = [];
  let failure: unknown;
  const block = new Uint8Array(Math.min(BLOCK, content.length));
  try {
    for await (const each of checkedBlocks(pieces(content, sizes), { length: content.length, sha256 }, block)) {
      blocks.push(Uint8Array.from(each));
    }
  } catch (error) {
    failure = error;
  }
  return { blocks, failure };
}

const sha256Of = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');

const CASES = [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 5 * BLOCK + 3].flatMap((length) =>
  [[1], [7, 2], [BLOCK], [1000]].map((sizes) => [length, sizes] as const),
);

it.each(CASES)('gathers %i bytes that come in pieces of %j', async (length, sizes) => {
  const content = sample(length);
  for (const sha256 of [sha256Of(content), null]) {
    const { blocks, failure } = await gather(content, sizes, sha256);
    expect(failure).toBeUndefined();
    expect(Buffer.concat(blocks).equals(content)).toBe(true);
    for (const block of blocks.slice(0, -1)) expect(block).toHaveLength(BLOCK);
  }
});

it.each(CASES)('keeps back the last block of %i damaged bytes in pieces of %j', async (length, sizes) => {
  const content = sample(length);
  const { blocks, failure } = await gather(content, sizes, sha256Of(sample(length + 1)));
  expect(failure).toMatchObject({ code: 'object_damaged' });
  expect(Buffer.concat(blocks).length).toBe((Math.ceil(length / BLOCK) - 1) * BLOCK);
});
