import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ENTRY_NAME, entryName } from './entry-name.ts';

describe('a name in an archive', () => {
  it.each([
    [['00-01', 'house.jpg'], '00-01/house.jpg'],
    [['00-01', 'AudioAudit', 'a.m4a'], '00-01/AudioAudit/a.m4a'],
    [['..', '..', 'passwd'], '_/_/passwd'],
    [['.'], '_'],
    [[''], '_'],
    [['...'], '_'],
    [['a/b\\c'], 'a_b_c'],
    [['/etc/passwd'], '_etc_passwd'],
    [['C:\\x'], 'C__x'],
    [['a\u0000b\u0007c'], 'a_b_c'],
    [['what?*"<>|'], 'what______'],
    [['trailing. . '], 'trailing'],
    [['  leading'], 'leading'],
    [['con', 'NUL.txt', 'com1.jpg'], '_con/_NUL.txt/_com1.jpg'],
    [['con .txt', 'aux  '], '_con .txt/_aux'],
    [['console', 'com10'], 'console/com10'],
    [['photo\u202Egpj.exe'], 'photo_gpj.exe'],
    [['zero\u200Bwidth'], 'zero_width'],
    [['line\u2028end'], 'line_end'],
    [['lone \uD800 half'], 'lone \uFFFD half'],
    [['Zoë 東京 🐑.jpg'], 'Zoë 東京 🐑.jpg'],
  ])('of %j is %s', (path, name) => {
    expect(entryName(path)).toBe(name);
  });

  it('keeps its extension when it is too long, and no half of a character', () => {
    const name = entryName([`${'東'.repeat(100)}.jpeg`]);
    expect(name).toMatch(/^東+\.jpeg$/);
    expect(Buffer.byteLength(name)).toBe(200);
    expect(entryName(['🐑'.repeat(80)])).toBe('🐑'.repeat(50));
    // Not an extension.
    expect(entryName([`a.${'b'.repeat(300)}`])).toBe(`a.${'b'.repeat(198)}`);
    expect(entryName([`${'a'.repeat(200)}`])).toHaveLength(200);
  });

  it('of any text stays in its folder, is one that every file system takes, and does not change any more', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.string({ unit: fc.constantFrom('.', ' ', 'a', 'con', ':', '東'), maxLength: 300 }),
    );
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), (path) => {
        const name = entryName(path);
        expect(name).toMatch(ENTRY_NAME);
        const parts = name.split('/');
        expect(parts).toHaveLength(path.length);
        for (const part of parts) {
          expect(part).not.toMatch(/^\.*$|[. ]$|[\\:*?"<>|\p{Cc}\p{Cf}]/u);
          expect(Buffer.byteLength(part)).toBeLessThanOrEqual(200);
          expect(part.isWellFormed()).toBe(true);
        }
        expect(entryName(parts)).toBe(name);
      }),
    );
  });
});
