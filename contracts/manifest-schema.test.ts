import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Instant } from './instant.ts';
import type { Manifest } from './manifest.ts';
import { manifestJsonSchema, parseManifest } from './manifest-schema.ts';

const at = '2026-11-21T07:41:13.000001Z' as Instant;
const manifest: Manifest = {
  version: 1,
  exportId: '0b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11',
  workflowId: 'data-export|tenantKey:acme',
  tenant: 'acme',
  dataset: 'USERS',
  window: { from: at, to: at, bounds: 'inclusive' },
  parameters: { learningActivityId: 7, name: 'x', flag: false },
  snapshotAt: at,
  format: 'jsonl',
  csv: null,
  compression: 'zstd',
  recipients: ['age1x'],
  columns: [{ name: 'id', header: 'User ID', type: 'integer' }],
  file: 'users.jsonl.zst.age',
  rows: 1,
  bytes: 2,
  contentBytes: 3,
  parts: [
    {
      name: 'part-00000-a1.jsonl.zst.age',
      rows: 1,
      bytes: 2,
      sha256: 'ab'.repeat(32),
      contentBytes: 3,
      contentSha256: null,
    },
  ],
  createdAt: at,
  expiresAt: at,
};

describe('a manifest', () => {
  test('is read as it was written', () => {
    expect(parseManifest(JSON.stringify(manifest))).toEqual({ manifest });
  });

  test('may hold members that a later version adds', () => {
    expect(parseManifest(JSON.stringify({ ...manifest, later: 1 }))).toEqual({ manifest });
  });

  const [part] = manifest.parts;
  test.each<[string, unknown]>([
    ['another version', { ...manifest, version: 2 }],
    ['a part outside its directory', { ...manifest, parts: [{ ...part, name: '../passwd' }] }],
    ['a file outside its directory', { ...manifest, file: 'a/b' }],
    ['a negative count', { ...manifest, rows: -1 }],
    ['a count beyond 2^53', { ...manifest, rows: 2 ** 53 }],
    ['a hash in capitals', { ...manifest, parts: [{ ...part, sha256: 'AB'.repeat(32) }] }],
    ['an instant in milliseconds', { ...manifest, snapshotAt: '2026-11-21T07:41:13.000Z' }],
    ['nothing', {}],
    ['an array', []],
  ])('with %s is refused', (_, json) => {
    expect(parseManifest(JSON.stringify(json))).toHaveProperty('problem');
  });

  test('that is not JSON is refused', () => {
    expect(parseManifest('{')).toHaveProperty('problem');
  });
});

test('docs/manifest.schema.json is current: else write manifestJsonSchema() there and format it', () => {
  const published: unknown = JSON.parse(readFileSync(new URL('../docs/manifest.schema.json', import.meta.url), 'utf8'));
  expect(published).toEqual(manifestJsonSchema());
});
