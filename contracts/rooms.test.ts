import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Rooms that each room may import values from; `types` lists those it may see as types only. */
const MAY_IMPORT: Readonly<Record<string, { readonly values: readonly string[]; readonly types?: readonly string[] }>> =
  {
    contracts: { values: [] },
    config: { values: ['contracts'] },
    stores: { values: ['contracts', 'config'] },
    formats: { values: ['contracts', 'config', 'stores'] },
    activities: { values: ['contracts', 'config', 'stores', 'formats'] },
    workflows: { values: ['contracts'], types: ['activities'] },
    api: { values: ['contracts', 'config', 'stores', 'formats'], types: ['workflows'] },
    sftp: { values: ['contracts', 'config', 'stores'] },
    worker: { values: ['contracts', 'config', 'stores', 'formats', 'activities', 'workflows'] },
    cli: { values: ['contracts', 'config', 'stores', 'formats'] },
    catalogs: { values: ['contracts', 'config', 'stores'] },
    stack: { values: ['contracts', 'config', 'stores', 'catalogs'] },
  };

const IMPORT = /(?:^|\n)\s*(import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'(\.{1,2}\/[^']+)'/g;

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => join(folder, name));
}

function presentRooms(): string[] {
  return readdirSync(ROOT, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name in MAY_IMPORT)
    .map((entry) => entry.name);
}

describe('import direction', () => {
  it.each(presentRooms())('%s imports only what it may', (room) => {
    const wrong: string[] = [];
    for (const file of sources(room)) {
      for (const [, , type, target = ''] of readFileSync(join(ROOT, file), 'utf8').matchAll(IMPORT)) {
        const other = relative(ROOT, resolve(ROOT, dirname(file), target)).split(sep)[0] ?? '';
        if (other === room || !(other in MAY_IMPORT)) continue;
        const rule = MAY_IMPORT[room];
        const allowed = rule?.values.includes(other) || (type !== undefined && rule?.types?.includes(other));
        if (!allowed) wrong.push(`${file} -> ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it.each(presentRooms())('only entry points of %s read the environment', (room) => {
    const readers = sources(room).filter(
      (file) =>
        /process\.env\b/.test(readFileSync(join(ROOT, file), 'utf8')) && !/(^|\/)(main|demo|doctor)\.ts$/.test(file),
    );
    expect(readers).toEqual([]);
  });
});
