import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Modules that each module may import values from; `types` lists those that it may import only as types. */
const MAY_IMPORT: Readonly<Record<string, { readonly values: readonly string[]; readonly types?: readonly string[] }>> =
  {
    contracts: { values: [] },
    streams: { values: ['contracts'] },
    formats: { values: ['contracts', 'streams'] },
    config: { values: ['contracts'] },
    stores: { values: ['contracts', 'config', 'streams'], types: ['formats'] },
    activities: { values: ['contracts', 'config', 'streams', 'formats', 'stores'] },
    workflows: { values: ['contracts'], types: ['activities'] },
    api: { values: ['contracts', 'config', 'streams', 'stores'] },
    sftp: { values: ['contracts', 'config', 'streams', 'stores'] },
    worker: { values: ['contracts', 'config', 'streams', 'stores', 'activities', 'workflows'] },
    cli: { values: ['contracts', 'config', 'streams', 'stores'] },
    catalogs: { values: ['contracts', 'config'] },
    stack: { values: ['contracts', 'config', 'stores', 'catalogs'] },
    bench: {
      values: ['contracts', 'config', 'streams', 'formats', 'stores', 'activities', 'worker', 'cli', 'stack'],
    },
    test: {
      values: [
        ...['contracts', 'config', 'streams', 'formats', 'stores', 'activities', 'workflows'],
        ...['api', 'sftp', 'worker', 'cli', 'stack'],
      ],
    },
  };

const IMPORT = /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'(\.{1,2}\/[^']+)'/g;
const LATE_IMPORT = /await import\(()'(\.{1,2}\/[^']+)'\)/g;

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => join(folder, name));
}

const MODULES = Object.keys(MAY_IMPORT);

describe('import direction', () => {
  it('covers every module', () => {
    const folders = readdirSync(ROOT, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules')
      .map(({ name }) => name)
      .filter((name) => sources(name).length > 0);
    expect(folders.sort()).toEqual(MODULES.toSorted());
  });

  it('keeps kinds of export apart, and what they share free of them', () => {
    const kindOf = (file: string) => /^api\/(on-demand|periodic|runs)\//.exec(file)?.[1];
    const wrong = sources('api').flatMap((file) => {
      const kind = kindOf(file);
      return [...readFileSync(join(ROOT, file), 'utf8').matchAll(IMPORT)]
        .map(([, , target = '']) => join(dirname(file), target))
        .filter((target) => kind && ![undefined, kind, 'runs'].includes(kindOf(target)))
        .map((target) => `${file} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  it.each(MODULES)('%s imports only what it may', (module) => {
    const wrong: string[] = [];
    for (const file of sources(module)) {
      const source = readFileSync(join(ROOT, file), 'utf8');
      for (const [, type, target = ''] of [...source.matchAll(IMPORT), ...source.matchAll(LATE_IMPORT)]) {
        const other = relative(ROOT, resolve(ROOT, dirname(file), target)).split(sep)[0] ?? '';
        if (other === module || !(other in MAY_IMPORT)) continue;
        const rule = MAY_IMPORT[module];
        const allowed = rule?.values.includes(other) || (type && rule?.types?.includes(other));
        if (!allowed) wrong.push(`${file} -> ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('has no circle, types included', () => {
    const imports = new Map(
      MODULES.flatMap(sources).map((file) => {
        const source = readFileSync(join(ROOT, file), 'utf8');
        const found = [...source.matchAll(IMPORT), ...source.matchAll(LATE_IMPORT)];
        return [file, found.map(([, , target = '']) => relative(ROOT, resolve(ROOT, dirname(file), target)))] as const;
      }),
    );
    const circles: string[] = [];
    const done = new Set<string>();
    function visit(file: string, path: readonly string[]): void {
      const from = path.indexOf(file);
      if (from !== -1) circles.push([...path.slice(from), file].join(' -> '));
      if (from !== -1 || done.has(file)) return;
      for (const target of imports.get(file) ?? []) visit(target, [...path, file]);
      done.add(file);
    }
    for (const file of imports.keys()) visit(file, []);
    expect(circles).toEqual([]);
  });

  it.each(MODULES.filter((module) => module !== 'test'))('only entry points of %s read the environment', (module) => {
    const readers = sources(module).filter(
      (file) =>
        /process\.env\b/.test(readFileSync(join(ROOT, file), 'utf8')) && !/(^|\/)(main|demo|doctor)\.ts$/.test(file),
    );
    expect(readers).toEqual([]);
  });
});
