import { expect, it } from 'vitest';
import { free } from './blocks.ts';

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

it('does nothing to memory that was released before', () => {
  const bytes = Buffer.allocUnsafeSlow(10);
  free(bytes);
  expect(() => free(bytes)).not.toThrow();
});
