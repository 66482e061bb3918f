import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readSettings, SETTING_NAMES } from '../config/settings.ts';
import { readStackSettings, STACK_SETTING_NAMES } from './settings.ts';

const lines = readFileSync(new URL('../.env.example', import.meta.url), 'utf8').split('\n');

/** Settings as the file shows them, commented out or not. */
const shown = assignments(/^#?(WAYBILL_[A-Z_]+)=(.*)$/);
/** Settings that must be set. */
const required = assignments(/^(WAYBILL_[A-Z_]+)=(.*)$/);

function assignments(pattern: RegExp): Record<string, string> {
  return Object.fromEntries(
    lines.flatMap((line) => {
      const [, name, value] = pattern.exec(line) ?? [];
      return name && value !== undefined ? [[name, value.replace(/^"(.*)"$/, '$1')]] : [];
    }),
  );
}

describe('.env.example', () => {
  it('names every setting, and none that does not exist', () => {
    expect(Object.keys(shown).sort()).toEqual([...SETTING_NAMES, ...STACK_SETTING_NAMES].sort());
  });

  it('leaves uncommented exactly what must be set', () => {
    expect(() => readSettings(required)).not.toThrow();
    for (const name of Object.keys(required)) {
      expect(() => readSettings({ ...required, [name]: undefined }), name).toThrow(`${name} is not set`);
    }
  });

  it('shows the default of every setting that has one', () => {
    const defaults = readSettings(required);
    const asShown = readSettings({ ...shown, ...required });
    for (const name of SETTING_NAMES) {
      if (defaults[name] !== undefined) expect(asShown[name], name).toEqual(defaults[name]);
    }
    expect(readStackSettings(shown)).toEqual(readStackSettings({}));
  });
});
