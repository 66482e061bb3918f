import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createPartCheck, FileMismatch } from './part-check.ts';

const describePart = (content: Uint8Array, index: number) => ({
  name: `part-${index}`,
  bytes: content.length,
  sha256: createHash('sha256').update(content).digest('hex'),
});

function run(parts: readonly Uint8Array[], bytes: Uint8Array, pieceBytes: number): number {
  const check = createPartCheck(parts.map(describePart));
  for (let at = 0; at < bytes.length; at += pieceBytes) check.update(bytes.subarray(at, at + pieceBytes));
  check.end();
  return check.bytes;
}

describe('the check of a file against its parts', () => {
  const content = fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 5 });

  test('holds however the file is cut, empty parts and files included', () => {
    fc.assert(
      fc.property(content, fc.integer({ min: 1, max: 20 }), (parts, pieceBytes) => {
        const file = Buffer.concat(parts);
        expect(run(parts, file, pieceBytes)).toBe(file.length);
      }),
    );
  });

  test('fails for a byte changed, cut off or added anywhere', () => {
    fc.assert(
      fc.property(content, fc.nat(), fc.integer({ min: 1, max: 20 }), (parts, place, pieceBytes) => {
        const file = Buffer.concat(parts);
        expect(() => run(parts, Buffer.concat([file, Buffer.of(0)]), pieceBytes)).toThrow(FileMismatch);
        if (file.length === 0) return;
        expect(() => run(parts, file.subarray(0, -1), pieceBytes)).toThrow(FileMismatch);
        const changed = Buffer.from(file);
        const at = place % file.length;
        changed.writeUInt8((changed.readUInt8(at) + 1) % 256, at);
        expect(() => run(parts, changed, pieceBytes)).toThrow(FileMismatch);
      }),
    );
  });

  test('names the part that is wrong as soon as it is complete', () => {
    const check = createPartCheck([Buffer.from('ab'), Buffer.from('cd')].map(describePart));
    check.update(Buffer.from('a'));
    expect(() => check.update(Buffer.from('xcd'))).toThrow('part-0');
  });
});
