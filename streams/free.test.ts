import { expect, it } from 'vitest';
import { free, freeFilled } from './blocks.ts';

it('releases memory that belongs to the bytes alone', () => {
  const bytes = Buffer.allocUnsafeSlow(1400);
  free(bytes);
  expect(bytes.byteLength).toBe(0);
});

it.each([1, 1400, Buffer.poolSize / 2 - 1])('leaves %i bytes of the buffer pool alone', (size) => {
  const neighbour = Buffer.from('still here');
  const bytes = Buffer.concat([Buffer.alloc(size - 1), Buffer.from('x')]);
  free(bytes);
  expect(bytes.at(-1)).toBe(120);
  expect(neighbour.toString()).toBe('still here');
});

it('leaves a view of larger memory alone', () => {
  const whole = Buffer.allocUnsafeSlow(64);
  free(whole.subarray(0, 10));
  free(whole.subarray(10));
  expect(whole.byteLength).toBe(64);
});

it('releases the buffer of a compressor with its last chunk, and no pool with the chunk that ends it', () => {
  const filled = Buffer.allocUnsafeSlow(2 * Buffer.poolSize);
  freeFilled(filled.subarray(0, 10));
  expect(filled.byteLength).toBe(2 * Buffer.poolSize);
  freeFilled(filled.subarray(10));
  expect(filled.byteLength).toBe(0);
  let last = Buffer.allocUnsafe(8);
  while (last.byteOffset + last.length < last.buffer.byteLength) last = Buffer.allocUnsafe(8);
  freeFilled(last.fill('x'));
  expect(last.toString()).toBe('xxxxxxxx');
});

it('does nothing to memory that was released before', () => {
  const bytes = Buffer.allocUnsafeSlow(10);
  free(bytes);
  expect(() => free(bytes)).not.toThrow();
});
