import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Instant } from './instant.ts';
import {
  describeManifest,
  type Manifest,
  type ManifestFile,
  manifestJsonSchema,
  onlyFile,
  parseManifest,
} from './manifest.ts';

const at = '2026-11-21T07:41:13.000001Z' as Instant;
const part = {
  ...{ name: 'part-00000-a1.jsonl.zst.age', rows: 1, bytes: 2, sha256: 'ab'.repeat(32) },
  ...{ contentBytes: 3, contentSha256: null },
};
const file: ManifestFile = {
  name: 'users',
  file: 'users.jsonl.zst.age',
  dataset: 'USERS',
  window: { from: at, to: at, bounds: 'inclusive' },
  parameters: { learningActivityId: 7, name: 'x', flag: false },
  format: 'jsonl',
  csv: null,
  compression: 'zstd',
  columns: [{ name: 'id', header: 'User ID', type: 'integer' }],
  rows: 1,
  bytes: 2,
  contentBytes: 3,
  parts: [part],
};
const manifest: Manifest = {
  version: 1,
  kind: 'on-demand',
  runId: '0b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11',
  workflowId: 'data-export|tenantKey:acme',
  tenant: 'acme',
  snapshotAt: at,
  recipients: ['age1x'],
  files: [file],
  rows: 1,
  bytes: 2,
  contentBytes: 3,
  createdAt: at,
  expiresAt: at,
};
const withFile = (more: object) => ({ ...manifest, files: [{ ...file, ...more }] });

describe('a manifest', () => {
  test('is read as it was written', () => {
    expect(parseManifest(JSON.stringify(manifest))).toEqual({ manifest });
  });

  test('may hold members that a later version adds', () => {
    expect(parseManifest(JSON.stringify({ ...manifest, later: 1 }))).toEqual({ manifest });
  });

  test.each<[string, unknown]>([
    ['another version', { ...manifest, version: 2 }],
    ['a kind that is no name', { ...manifest, kind: 'All exports' }],
    ['an id that is no UUID', { ...manifest, runId: '../acme' }],
    ['a tenant that is no key', { ...manifest, tenant: 'a/b' }],
    ['no file', { ...manifest, files: [] }],
    ['a part outside its directory', withFile({ parts: [{ ...part, name: '../passwd' }] })],
    ['a file outside its directory', withFile({ file: 'a/b' })],
    ['a name outside its directory', withFile({ name: '../user' })],
    ['a negative count', { ...manifest, rows: -1 }],
    ['a count beyond 2^53', { ...manifest, rows: 2 ** 53 }],
    ['a hash in capitals', withFile({ parts: [{ ...part, sha256: 'AB'.repeat(32) }] })],
    ['an unknown format', withFile({ format: 'ods' })],
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

test('sums follow from the parts; a file in several formats has its rows counted once', () => {
  const { rows: _rows, bytes: _bytes, contentBytes: _contentBytes, ...contents } = file;
  const described = describeManifest(manifest, [contents, { ...contents, format: 'csv', parts: [part, part] }]);
  expect(described.files[1]).toMatchObject({ rows: 2, bytes: 4, contentBytes: 6 });
  expect(describeManifest(manifest, [contents])).toEqual(manifest);
  const twice = describeManifest(manifest, [contents, { ...contents, format: 'csv' }]);
  expect(twice).toMatchObject({ rows: 1, bytes: 4, contentBytes: 6 });
  expect(() => onlyFile(twice)).toThrow(RangeError);
  expect(onlyFile(manifest)).toBe(file);
});

test('docs/manifest.schema.json is current: else write manifestJsonSchema() there and format it', () => {
  const published: unknown = JSON.parse(readFileSync(new URL('../docs/manifest.schema.json', import.meta.url), 'utf8'));
  expect(published).toEqual(manifestJsonSchema());
});
