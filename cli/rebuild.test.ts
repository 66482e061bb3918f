import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Instant } from '../contracts/instant.ts';
import { describeManifest, type FileContents, type Manifest } from '../contracts/manifest.ts';
import { PERIODIC_FORMATS, type PeriodicFormat } from '../contracts/periodic.ts';
import type { RestoredRun, Runs } from '../stores/ledger/ports.ts';
import { makeExport } from './files/export-fixture.ts';
import { orderOf, rebuildLedger } from './rebuild.ts';

/** A ledger and a bucket that hold what they are given. */
function storesOf(files: Readonly<Record<string, string>>, known: readonly string[]) {
  const restored: RestoredRun[] = [];
  const runs: Pick<Runs, 'restore'> = {
    async restore(run) {
      restored.push(run);
      return !known.includes(run.runId);
    },
  };
  const objects = {
    async *list(prefix: string) {
      for (const key of Object.keys(files).sort()) {
        if (key.startsWith(prefix)) yield { key, bytes: 1, modifiedAt: new Date(0) };
      }
    },
    async get(key: string) {
      return Buffer.from(files[key] ?? '');
    },
  };
  return { runs, objects, restored };
}

function generationOf(generationId: string, createdAt: string): Manifest {
  const file = (format: PeriodicFormat): FileContents => ({
    ...{ name: 'user', file: `user.${format}.age`, dataset: 'user', window: null, parameters: {}, format },
    ...{ csv: null, compression: 'none', columns: [{ name: 'id', header: 'id', type: 'integer' }] },
    parts: [
      {
        ...{ name: `user-a1.${format}.age`, rows: 7, bytes: 15, sha256: 'ab'.repeat(32) },
        ...{ contentBytes: 1, contentSha256: null },
      },
    ],
  });
  return describeManifest(
    {
      ...{ kind: 'periodic', runId: generationId, workflowId: 'periodic-export|tenantKey:acme', tenant: 'acme' },
      ...{ snapshotAt: '2026-11-20T01:30:00.000001Z' as Instant, recipients: ['age1example'] },
      ...{ createdAt: createdAt as Instant, expiresAt: null },
    },
    PERIODIC_FORMATS.map(file),
  );
}

describe('the ledger', () => {
  test('is rebuilt from the manifests that lie where they should', async () => {
    const { manifest } = await makeExport([['id\n1\n', 1]], { compression: 'zstd', recipients: [] });
    const [one, two] = [manifest.runId, '1b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11'];
    const { runs, objects, restored } = storesOf(
      {
        [`exports/acme/${one}/manifest.json`]: JSON.stringify(manifest),
        [`exports/acme/${one}/part-00000-a1.csv.zst`]: '',
        [`exports/acme/${two}/manifest.json`]: JSON.stringify({ ...manifest, runId: two }),
        [`exports/other/${one}/manifest.json`]: JSON.stringify(manifest),
        'exports/acme/x/manifest.json': '{',
        'elsewhere/manifest.json': '{',
      },
      [two],
    );
    expect(await rebuildLedger(runs, objects)).toEqual({
      manifests: 4,
      restored: 1,
      generations: { manifests: 0, restored: 0 },
      deliveries: { manifests: 0, restored: 0 },
      archives: { manifests: 0, restored: 0 },
      requests: { manifests: 0, restored: 0 },
      unreadable: [
        { key: 'exports/acme/x/manifest.json', problem: 'It is not JSON.' },
        { key: `exports/other/${one}/manifest.json`, problem: expect.stringContaining('another tenant') },
      ],
    });
    expect(restored[0]).toEqual({
      runId: one,
      workflowId: manifest.workflowId,
      order: orderOf(manifest),
      snapshotAt: manifest.snapshotAt,
      files: 1,
      parts: 1,
      rows: 1,
      bytes: manifest.bytes,
      contentBytes: manifest.contentBytes,
      manifestSha256: createHash('sha256').update(JSON.stringify(manifest)).digest('hex'),
      endedAt: new Date('2026-11-21T07:41:13.000Z'),
      expiresAt: new Date(manifest.expiresAt ?? ''),
    });
  });

  test('is rebuilt from the manifests of generations, the newest first, each with the hash of its bytes', async () => {
    const ids = ['0b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11', '1b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11'];
    const [older = '', newer = ''] = ids;
    const known = '2b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11';
    const manifests = {
      [older]: generationOf(older, '2026-11-20T01:31:00.456789Z'),
      [newer]: generationOf(newer, '2026-11-21T01:31:00.456789Z'),
      [known]: generationOf(known, '2026-11-19T01:31:00.456789Z'),
    };
    // As somebody else would write it: the hash is of the bytes, not of what they say.
    const text = `${JSON.stringify(manifests[newer], null, 4)}\n`;
    const { runs, objects, restored } = storesOf(
      {
        [`periodic/acme/${older}/manifest.json`]: JSON.stringify(manifests[older]),
        [`periodic/acme/${newer}/manifest.json`]: text,
        [`periodic/acme/${newer}/user-a1.csv.age`]: '',
        [`periodic/acme/${known}/manifest.json`]: JSON.stringify(manifests[known]),
        [`periodic/other/${newer}/manifest.json`]: text,
        'periodic/acme/x/manifest.json': JSON.stringify({ ...manifests[older], version: 2 }),
      },
      [known],
    );
    expect(await rebuildLedger(runs, objects)).toEqual({
      manifests: 0,
      restored: 0,
      generations: { manifests: 5, restored: 2 },
      deliveries: { manifests: 0, restored: 0 },
      archives: { manifests: 0, restored: 0 },
      requests: { manifests: 0, restored: 0 },
      unreadable: [
        { key: 'periodic/acme/x/manifest.json', problem: expect.stringContaining('version') },
        { key: `periodic/other/${newer}/manifest.json`, problem: expect.stringContaining('another tenant') },
      ],
    });
    expect(restored.map(({ runId }) => runId)).toEqual([newer, older, known]);
    expect(restored[0]).toEqual({
      runId: newer,
      tenant: 'acme',
      kind: 'periodic',
      subject: 'periodic',
      workflowId: 'periodic-export|tenantKey:acme',
      recipient: 'age1example',
      snapshotAt: '2026-11-20T01:30:00.000001Z',
      files: 1,
      parts: 3,
      rows: 7,
      bytes: 45,
      contentBytes: 3,
      manifestSha256: createHash('sha256').update(text).digest('hex'),
      endedAt: new Date('2026-11-21T01:31:00.456Z'),
    });
  });

  test('learns the order from the manifest', async () => {
    const { manifest } = await makeExport([['', 0]], { compression: 'gzip', recipients: [], csv: { bom: true } });
    const asked = { filter: [{ column: 'id', op: 'isNull' as const }], timeZone: 'Asia/Tokyo' };
    const files = manifest.files.map((file) => ({ ...file, ...asked }));
    expect(orderOf({ ...manifest, files })).toMatchObject({
      ...asked,
      tenant: 'acme',
      dataset: 'USERS',
      csv: { bom: true, header: true },
      columns: ['id'],
      compression: 'gzip',
      keepDays: 30,
    });
  });
});
