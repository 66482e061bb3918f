import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { GenerationManifest } from './generation.ts';
import { generationJsonSchema, parseGeneration } from './generation-schema.ts';
import type { Instant } from './instant.ts';

const at = '2026-11-21T01:47:03.000001Z' as Instant;
const object = { name: 'user-a1.csv.age', bytes: 210, sha256: 'ab'.repeat(32), contentBytes: 10 };
const file = {
  file: 'user',
  dataset: 'EVALUATION_USERS',
  rows: 1,
  columns: [{ name: 'id', header: 'id', type: 'integer' }],
  objects: {
    csv: object,
    json: { ...object, name: 'user-a1.json.age' },
    'typed-json': { ...object, name: 'user-a1.typed.json.age' },
  },
} satisfies GenerationManifest['files'][number];
const generation: GenerationManifest = {
  version: 1,
  kind: 'generation',
  generationId: '0b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11',
  workflowId: 'periodic-export|tenantKey:acme-2026-11-21T01:30:00Z',
  tenant: 'acme',
  snapshotAt: at,
  recipient: 'age1x',
  files: [file],
  rows: 1,
  bytes: 630,
  contentBytes: 30,
  createdAt: at,
};

describe('the manifest of a generation', () => {
  test('is read as it was written', () => {
    expect(parseGeneration(JSON.stringify(generation))).toEqual({ generation });
  });

  test('may hold members that a later version adds', () => {
    expect(parseGeneration(JSON.stringify({ ...generation, later: 1 }))).toEqual({ generation });
  });

  test.each<[string, unknown]>([
    ['another version', { ...generation, version: 2 }],
    ['another kind', { ...generation, kind: 'export' }],
    ['an id that is no UUID', { ...generation, generationId: '../acme' }],
    ['a tenant that is no key', { ...generation, tenant: 'a/b' }],
    ['a file outside its directory', { ...generation, files: [{ ...file, file: '../passwd' }] }],
    [
      'an object outside its directory',
      { ...generation, files: [{ ...file, objects: { ...file.objects, csv: { ...object, name: 'a/b' } } }] },
    ],
    ['a file without its JSON', { ...generation, files: [{ ...file, objects: { csv: object } }] }],
    ['a negative count', { ...generation, rows: -1 }],
    [
      'a hash in capitals',
      {
        ...generation,
        files: [{ ...file, objects: { ...file.objects, csv: { ...object, sha256: 'AB'.repeat(32) } } }],
      },
    ],
    ['nothing', {}],
  ])('with %s is refused', (_, json) => {
    expect(parseGeneration(JSON.stringify(json))).toHaveProperty('problem');
  });

  test('that is not JSON is refused', () => {
    expect(parseGeneration('{')).toHaveProperty('problem');
  });
});

test('docs/generation.schema.json is current: else write generationJsonSchema() there and format it', () => {
  const published: unknown = JSON.parse(
    readFileSync(new URL('../docs/generation.schema.json', import.meta.url), 'utf8'),
  );
  expect(published).toEqual(generationJsonSchema());
});
