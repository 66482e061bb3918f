import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadCatalog } from '../config/catalog.ts';

test.each(['docs/catalog.md', 'README.md'])('the catalogs shown in %s load', async (page) => {
  const text = await readFile(join(import.meta.dirname, '..', page), 'utf8');
  const examples = [...text.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? '');
  expect(examples.length).toBeGreaterThan(0);
  const directory = await mkdtemp(join(tmpdir(), 'documented-'));
  try {
    await Promise.all(examples.map((example, i) => writeFile(join(directory, `${i}.yaml`), example)));
    const { datasets, bundles } = await loadCatalog(directory);
    expect(datasets.length + bundles.length).toBeGreaterThanOrEqual(examples.length);
  } finally {
    await rm(directory, { recursive: true });
  }
});
