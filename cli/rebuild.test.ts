import { describe, expect, test } from 'vitest';
import type { Ledger } from '../stores/ledger/ledger.ts';
import { makeExport } from './files/export-fixture.ts';
import { orderOf, rebuildLedger } from './rebuild.ts';

type Restored = Parameters<Ledger['restoreExport']>;

/** A ledger and a bucket that hold what they are given. */
function storesOf(files: Readonly<Record<string, string>>, known: readonly string[]) {
  const restored: Restored[] = [];
  const ledger: Pick<Ledger, 'restoreExport'> = {
    async restoreExport(...entry) {
      restored.push(entry);
      return !known.includes(entry[0].exportId);
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
  return { ledger, objects, restored };
}

describe('the ledger', () => {
  test('is rebuilt from the manifests that lie where they should', async () => {
    const { manifest } = await makeExport([['id\n1\n', 1]], { compression: 'zstd', recipients: [] });
    const [one, two] = [manifest.exportId, '1b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11'];
    const { ledger, objects, restored } = storesOf(
      {
        [`exports/acme/${one}/manifest.json`]: JSON.stringify(manifest),
        [`exports/acme/${one}/part-00000-a1.csv.zst`]: '',
        [`exports/acme/${two}/manifest.json`]: JSON.stringify({ ...manifest, exportId: two }),
        [`exports/other/${one}/manifest.json`]: JSON.stringify(manifest),
        'exports/acme/x/manifest.json': '{',
        'elsewhere/manifest.json': '{',
      },
      [two],
    );
    expect(await rebuildLedger(ledger, objects)).toEqual({
      manifests: 4,
      restored: 1,
      unreadable: [
        { key: 'exports/acme/x/manifest.json', problem: 'It is not JSON.' },
        { key: `exports/other/${one}/manifest.json`, problem: expect.stringContaining('another tenant') },
      ],
    });
    const [entry, outcome, endedAt] = restored[0] ?? [];
    expect(entry).toMatchObject({ exportId: one, workflowId: manifest.workflowId, order: orderOf(manifest) });
    expect(outcome).toMatchObject({ rows: 1, bytes: manifest.bytes, parts: 1 });
    expect(endedAt).toEqual(new Date('2026-11-21T07:41:13.000Z'));
  });

  test('learns the order from the manifest', async () => {
    const { manifest } = await makeExport([['', 0]], { compression: 'gzip', recipients: [], csv: { bom: true } });
    expect(orderOf(manifest)).toMatchObject({
      tenant: 'acme',
      dataset: 'USERS',
      csv: { bom: true, header: true },
      columns: ['id'],
      compression: 'gzip',
      keepDays: 30,
    });
  });
});
