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
    api: { values: ['contracts', 'config', 'stores', 'formats'] },
    worker: { values: ['contracts', 'config', 'stores', 'formats', 'activities', 'workflows'] },
    cli: { values: ['contracts', 'config', 'stores'] },
    catalogs: { values: ['contracts', 'config'] },
    stack: { values: ['contracts', 'config', 'stores', 'catalogs'] },
    bench: { values: ['contracts', 'config', 'stores', 'formats', 'activities', 'worker', 'cli', 'stack'] },
    test: {
      values: ['contracts', 'config', 'stores', 'formats', 'activities', 'workflows', 'api', 'worker', 'cli', 'stack'],
    },
  };

const IMPORT = /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'(\.{1,2}\/[^']+)'/g;
const LATE_IMPORT = /await import\(()'(\.{1,2}\/[^']+)'\)/g;

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => join(folder, name));
}

const ROOMS = Object.keys(MAY_IMPORT);

describe('import direction', () => {
  it('covers every room', () => {
    const folders = readdirSync(ROOT, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules')
      .map(({ name }) => name)
      .filter((name) => sources(name).length > 0);
    expect(folders.sort()).toEqual(ROOMS.toSorted());
  });

  it.each(ROOMS)('%s imports only what it may', (room) => {
    const wrong: string[] = [];
    for (const file of sources(room)) {
      const source = readFileSync(join(ROOT, file), 'utf8');
      for (const [, type, target = ''] of [...source.matchAll(IMPORT), ...source.matchAll(LATE_IMPORT)]) {
        const other = relative(ROOT, resolve(ROOT, dirname(file), target)).split(sep)[0] ?? '';
        if (other === room || !(other in MAY_IMPORT)) continue;
        const rule = MAY_IMPORT[room];
        const allowed = rule?.values.includes(other) || (type && rule?.types?.includes(other));
        if (!allowed) wrong.push(`${file} -> ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it.each(ROOMS.filter((room) => room !== 'test'))('only entry points of %s read the environment', (room) => {
    const readers = sources(room).filter(
      (file) =>
        /process\.env\b/.test(readFileSync(join(ROOT, file), 'utf8')) && !/(^|\/)(main|demo|doctor)\.ts$/.test(file),
    );
    expect(readers).toEqual([]);
  });
});
