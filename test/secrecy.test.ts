import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client as Postgres } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateKey } from '../streams/age/keys.ts';
import { openBucket } from './bucket.ts';
import { type OwnServices, startOwnServices } from './context.ts';
import { ALWAYS, createDoorClient } from './door.ts';
import { encodeHistory, openTemporal } from './temporal.ts';

/** Text that the exported rows hold, and nothing else. */
const PLANTED = 'planted-plaintext-5e1f';

const CATALOG = `
datasets:
  - name: PLANTED
    title: Rows with a text to look for
    doors: [on-demand]
    sql: SELECT 'dreambuilder' AS tenant, i AS id, '${PLANTED.slice(0, 8)}' || '${PLANTED.slice(8)}' AS text FROM range(200000) AS r(i)
    tenant_column: tenant
    formats: [csv, jsonl]
    columns: [{ name: id, type: integer }, { name: text, type: text }]
`;

let folder: string;
let services: OwnServices;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-secrecy-'));
  await writeFile(join(folder, 'catalog.yaml'), CATALOG);
  services = await startOwnServices({
    WAYBILL_CATALOG: join(folder, 'catalog.yaml'),
    WAYBILL_WAREHOUSE_SQL: 'SELECT 1',
    WAYBILL_TEMP_DIRECTORY: folder,
    WAYBILL_LOG_LEVEL: 'trace',
  });
});

afterAll(async () => {
  await services?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Everything that stays of the exports, by the place it is in. */
async function remains(workflows: readonly { workflowId: string; exportId: string }[]): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  const bucket = openBucket(services.settings);
  for await (const { key } of bucket.list('')) found.set(`object ${key}`, Buffer.from((await bucket.get(key)) ?? ''));
  const temporal = await openTemporal(services.settings);
  for (const { workflowId, exportId } of workflows) {
    found.set(`history ${workflowId}`, Buffer.from(encodeHistory(await temporal.history(workflowId, exportId))));
  }
  await temporal.close();
  const postgres = new Postgres({ connectionString: services.settings.WAYBILL_LEDGER_URL });
  await postgres.connect();
  const tables = await postgres.query<{ name: string }>(
    `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
     WHERE table_schema NOT IN ('pg_catalog', 'information_schema')`,
  );
  for (const { name } of tables.rows) {
    const rows = await postgres.query(`SELECT t::text FROM ${name} AS t`);
    found.set(`table ${name}`, Buffer.from(JSON.stringify(rows.rows)));
  }
  await postgres.end();
  found.set('log', Buffer.from(services.lines.join('\n')));
  for (const name of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (name.isFile() && name.name !== 'catalog.yaml') {
      found.set(`file ${name.name}`, await readFile(join(name.parentPath, name.name)));
    }
  }
  return found;
}

describe('a sealed export', () => {
  it('leaves neither its content nor a private key anywhere', async () => {
    const door = createDoorClient(services.url, 'dreambuilder');
    const { identity, recipient } = await generateKey({ postQuantum: false });
    const foreign = (await generateKey({ postQuantum: false })).identity;
    const exported: { workflowId: string; exportId: string }[] = [];
    for (const [format, compression] of [
      ['CSV', 'none'],
      ['JSONL', 'none'],
      ['CSV', 'zstd'],
    ] as const) {
      const exportId = await door.order({
        ...ALWAYS,
        exportType: 'PLANTED',
        format,
        compression,
        recipients: [recipient],
      });
      expect(await door.ended(exportId)).toMatchObject({ state: 'completed' });
      exported.push({ exportId, workflowId: (await door.manifest(exportId)).workflowId });
    }
    const first = exported[0]?.exportId ?? '';
    expect((await door.file(first, { 'x-private-key': identity })).toString()).toContain(PLANTED);
    const wrong = await door.request('GET', `/exports/${first}/file`, { headers: { 'x-private-key': foreign } });
    expect(wrong.status).toBe(403);
    expect(await wrong.text()).not.toMatch(/AGE-SECRET-KEY/i);
    await door.request('POST', '/exports', { body: { ...ALWAYS, exportType: 'PLANTED', recipients: [identity] } });

    const places = await remains(exported);
    expect([...places.keys()].some((place) => place.startsWith('history'))).toBe(true);
    for (const [place, bytes] of places) {
      for (const secret of [PLANTED, identity, foreign, 'dreambuilder-demo-secret']) {
        expect(bytes.includes(secret), `${secret.slice(0, 14)}… in ${place}`).toBe(false);
        expect(bytes.includes(Buffer.from(secret).toString('base64').slice(0, -4)), `base64 in ${place}`).toBe(false);
      }
    }
  });
});
