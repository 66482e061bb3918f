import { describe, expect, it } from 'vitest';
import { ahead } from './ahead.ts';

async function* numbers(end: number, onEnd?: () => void) {
  try {
    for (let number = 0; number < end; number += 1) yield number;
  } finally {
    onEnd?.();
  }
}

describe('work that goes ahead', () => {
  it.each([
    [0, 3],
    [1, 3],
    [3, 3],
    [4, 3],
    [10, 3],
    [5, 1],
  ])('of %i items, at most %i at once, keeps their order', async (end, count) => {
    let running = 0;
    let most = 0;
    const work = async (item: number) => {
      running += 1;
      most = Math.max(most, running);
      // Later ones are done earlier.
      for (let turns = end - item; turns > 0; turns -= 1) await new Promise(setImmediate);
      running -= 1;
      return item * 2;
    };
    const doubled = Array.from({ length: end }, (_, item) => item * 2);
    expect(await Array.fromAsync(ahead(numbers(end), count, work))).toEqual(doubled);
    expect(most).toBe(Math.min(end, count));
  });

  it('fails where the result is due, and ends the source', async () => {
    let ended = false;
    const source = numbers(10, () => {
      ended = true;
    });
    const seen: number[] = [];
    const work = async (item: number) => {
      if (item === 2) throw new TypeError('not there');
      return item;
    };
    const reading = (async () => {
      for await (const item of ahead(source, 3, work)) seen.push(item);
    })();
    await expect(reading).rejects.toThrow('not there');
    expect([seen, ended]).toEqual([[0, 1], true]);
  });

  it('ends the source when its reader stops', async () => {
    let ended = false;
    const source = numbers(10, () => {
      ended = true;
    });
    for await (const item of ahead(source, 3, async (number) => number)) if (item === 1) break;
    expect(ended).toBe(true);
  });
});
