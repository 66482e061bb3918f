import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMeter } from './meter.ts';

async function* chunksOf(lines: number, lineBytes: number, chunkBytes: number) {
  const content = Buffer.from(`${'x'.repeat(lineBytes - 1)}\n`.repeat(lines));
  for (let at = 0; at < content.length; at += chunkBytes) yield content.subarray(at, at + chunkBytes);
}

describe('createMeter', () => {
  it('counts every byte and passes every chunk on', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 })), async (chunks) => {
        const meter = createMeter(1_000_000);
        const seen: Uint8Array[] = [];
        for await (const chunk of meter.measure(
          (async function* () {
            yield* chunks;
          })(),
        ))
          seen.push(chunk);
        expect(seen).toEqual(chunks);
        expect(meter.bytes).toBe(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0));
      }),
    );
  });

  it('estimates rows within a few percent, never falls and never passes the count of the plan', async () => {
    const meter = createMeter(10_000);
    let before = 0;
    for await (const _ of meter.measure(chunksOf(20_000, 50, 4096))) {
      expect(meter.rows).toBeGreaterThanOrEqual(before);
      before = meter.rows;
      if (meter.bytes > 100_000 && meter.bytes < 400_000) {
        expect(Math.abs(meter.rows / (meter.bytes / 50) - 1)).toBeLessThan(0.05);
      }
    }
    expect(meter.rows).toBe(10_000);
  });
});
