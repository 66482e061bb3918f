import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve, sep } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SERVICE_DIRECTORIES, watchSources } from './watch.ts';

let directory: string;
let ending: AbortController;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'waybill-watch-'));
  await mkdir(join(directory, 'exports'));
  ending = new AbortController();
});
afterEach(async () => {
  ending.abort();
  await rm(directory, { recursive: true });
});

it('reports simultaneous changes once, and later ones after the callback has finished', async () => {
  const seen: string[] = [];
  const dealtWith = Promise.withResolvers<void>();
  watchSources(
    [directory],
    async (path) => {
      seen.push(path);
      await dealtWith.promise;
    },
    ending.signal,
  );
  const file = join(directory, 'exports', 'create.ts');
  for (const content of ['a', 'b', 'c']) await writeFile(file, content);
  await expect.poll(() => seen).toEqual([file]);
  const other = join(directory, 'app.ts');
  await writeFile(other, 'a');
  dealtWith.resolve();
  await expect.poll(() => seen).toEqual([file, other]);
});

it('ignores tests and files that are not source', async () => {
  const seen: string[] = [];
  watchSources([directory], async (path) => void seen.push(path), ending.signal);
  for (const name of ['app.test.ts', 'notes.md', 'app.ts~']) await writeFile(join(directory, name), 'a');
  // The last one shows that watching continues.
  await writeFile(join(directory, 'catalog.yaml'), 'a');
  await expect.poll(() => seen).toEqual([join(directory, 'catalog.yaml')]);
});

it('covers every directory that the services import from', () => {
  const root = resolve(import.meta.dirname, '..');
  const files = new Set(['api/main.ts', 'worker/main.ts', 'workflows/index.ts'].map((entry) => join(root, entry)));
  for (const file of files) {
    for (const [, path] of readFileSync(file, 'utf8').matchAll(/from '(\.[^']+\.ts)'/g)) {
      if (path) files.add(resolve(file, '..', path));
    }
  }
  const directories = new Set([...files].map((file) => relative(root, file).split(sep)[0]));
  expect([...directories.difference(new Set(SERVICE_DIRECTORIES))]).toEqual([]);
});
