import { describe, expect, it } from 'vitest';
import { PARTS_MAX, partBytes } from './part-size.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const FIRST = 16 * MIB;

describe('part sizes', () => {
  it.each([
    [1, 16],
    [4_000, 16],
    [4_001, 32],
    [4_050, 32],
    [4_051, 48],
    [10_000, 1_936],
  ])('part %i has %i MiB', (number, mebibytes) => {
    expect(partBytes(FIRST, number)).toBe(mebibytes * MIB);
  });

  it('let 10,000 parts hold 5 TiB, each within what S3 and a Node buffer take', () => {
    let bytes = 0;
    for (let number = 1; number <= PARTS_MAX; number += 1) {
      const size = partBytes(FIRST, number);
      expect(size).toBeGreaterThanOrEqual(partBytes(FIRST, Math.max(1, number - 1)));
      expect(size).toBeLessThan(2 * GIB);
      bytes += size;
    }
    expect(bytes).toBeGreaterThan(5 * 1024 * GIB);
  });

  it('stay the same for the first 62 GiB, so that memory does', () => {
    let bytes = 0;
    for (let number = 1; bytes < 62 * GIB; number += 1) {
      expect(partBytes(FIRST, number)).toBe(FIRST);
      bytes += partBytes(FIRST, number);
    }
  });
});
