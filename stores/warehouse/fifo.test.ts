import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFifos, type Fifo, openEnds, Ring } from './fifo.ts';

describe('Ring', () => {
  it('gives back what was written, in order, and keeps what is held, whatever the sizes', () => {
    const steps = fc.array(fc.oneof(fc.record({ write: fc.integer({ min: 1, max: 8 }) }), fc.constant('take')), {
      maxLength: 400,
    });
    fc.assert(
      fc.property(fc.integer({ min: 16, max: 40 }), steps, (size, plan) => {
        const ring = new Ring(new Uint8Array(size), 8);
        let written = 0;
        let taken = 0;
        let held: { bytes: Uint8Array; from: number } | undefined;
        const check = () => {
          if (!held) return;
          const { bytes, from } = held;
          expect([...bytes]).toEqual(Array.from(bytes, (_, i) => (from + i) % 251));
        };
        for (const step of plan) {
          if (step === 'take') {
            check();
            const bytes = ring.take();
            held = bytes && { bytes, from: taken };
            taken += bytes?.length ?? 0;
            if (!bytes) {
              expect(taken).toBe(written);
              expect(ring.isFree()).toBe(true);
            }
          } else if (typeof step === 'object' && ring.isFree()) {
            const area = ring.area();
            for (let i = 0; i < step.write; i += 1) area[i] = (written + i) % 251;
            ring.commit(step.write);
            written += step.write;
          }
          check();
        }
      }),
      { numRuns: 500 },
    );
  });

  it('refuses a buffer without space for two areas', () => {
    expect(() => new Ring(new Uint8Array(15), 8)).toThrow(RangeError);
  });
});

it.skipIf(!existsSync('/proc/self/fd'))('closes the reading end when the writing end cannot be opened', () => {
  const open = () => readdirSync('/proc/self/fd').length;
  const before = open();
  // A directory can be opened for reading only.
  for (let i = 0; i < 5; i += 1) expect(() => openEnds(tmpdir())).toThrow('EISDIR');
  expect(open()).toBe(before);
});

it('gives every caller a FIFO of its own, also when many ask at once', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-fifos-'));
  const fifos = createFifos(directory);
  const opened = await Promise.all(Array.from({ length: 70 }, () => fifos.open()));
  expect(new Set(opened.map(({ path }) => path)).size).toBe(opened.length);
  for (const [index, { path }] of opened.entries()) writeFileSync(path, `content ${index}`);
  for (const fifo of opened) fifo.finish();
  expect(await Promise.all(opened.map(readText))).toEqual(opened.map((_, index) => `content ${index}`));
  for (const fifo of opened) fifo.close();
  expect(opened.filter(({ path }) => existsSync(path))).toEqual([]);
  rmSync(directory, { recursive: true });
});

async function readText(fifo: Fifo): Promise<string> {
  let text = '';
  for (let bytes = await fifo.next(); bytes; bytes = await fifo.next()) text += Buffer.from(bytes).toString('utf8');
  return text;
}
