import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { showLine } from './console.ts';

const shown = (line: string) => stripVTControlCharacters(showLine('worker', line));

describe('showLine', () => {
  it('puts the name in front, aligned', () => {
    expect(shown('hello')).toBe('worker   | hello');
  });

  it('makes a log entry legible', () => {
    const entry = {
      level: 40,
      time: Date.UTC(2026, 0, 1),
      pid: 1,
      hostname: 'h',
      name: 'worker',
      msg: 'slow',
      rows: 3,
    };
    expect(shown(JSON.stringify(entry))).toMatch(/^worker {3}\| \d\d:\d\d:\d\d warn {2}slow rows=3$/);
  });

  it.each(['{not json', '{"other":"json"}', '[1]', ''])('leaves %j as it is', (line) => {
    expect(shown(line)).toBe(`worker   | ${line}`);
  });
});
