import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { catalogJsonSchema } from './catalog-schema.ts';

test('docs/catalog.schema.json is current: node catalogs/main.ts schema --output docs/catalog.schema.json', async () => {
  const published: unknown = JSON.parse(
    await readFile(new URL('../docs/catalog.schema.json', import.meta.url), 'utf8'),
  );
  expect(published).toEqual(JSON.parse(JSON.stringify(catalogJsonSchema())));
});
