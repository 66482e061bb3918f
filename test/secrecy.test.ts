import { beforeAll, describe, expect, it } from 'vitest';
import { generateKey } from '../streams/age/keys.ts';
import { temporaryFolder, writeCatalog } from './cleanup.ts';
import { type OwnServices, startOwnServices } from './context.ts';
import { ALWAYS, createOnDemandClient } from './on-demand-client.ts';
import {
  findSecrets,
  formsOf,
  type Remains,
  remainsInBucket,
  remainsInPostgres,
  remainsInTemporal,
  remainsOnDisk,
} from './remains.ts';

/** Text that only the exported rows contain. */
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

let temporary: string;
let services: OwnServices;

beforeAll(async () => {
  temporary = await temporaryFolder();
  services = await startOwnServices({
    ...(await writeCatalog(CATALOG)),
    WAYBILL_TEMP_DIRECTORY: temporary,
    WAYBILL_LOG_LEVEL: 'trace',
  });
});

describe('a sealed export', () => {
  it('leaves neither its content nor a private key anywhere', async () => {
    const client = createOnDemandClient(services.url, 'dreambuilder');
    const { identity, recipient } = await generateKey({ postQuantum: false });
    const foreign = (await generateKey({ postQuantum: false })).identity;
    const exported: string[] = [];
    for (const [format, compression] of [
      ['CSV', 'none'],
      ['JSONL', 'none'],
      ['CSV', 'zstd'],
    ] as const) {
      const exportId = await client.order({
        ...ALWAYS,
        exportType: 'PLANTED',
        format,
        compression,
        recipients: [recipient],
      });
      expect(await client.ended(exportId)).toMatchObject({ state: 'completed' });
      exported.push(exportId);
    }
    const [first = ''] = exported;
    expect((await client.file(first, { 'x-private-key': identity })).toString()).toContain(PLANTED);
    const wrong = await client.request('GET', `/exports/${first}/file`, { headers: { 'x-private-key': foreign } });
    expect(wrong.status).toBe(403);
    expect(await wrong.text()).not.toMatch(/AGE-SECRET-KEY/i);
    await client.request('POST', '/exports', { body: { ...ALWAYS, exportType: 'PLANTED', recipients: [identity] } });

    const remains: Remains = new Map([
      ...(await remainsInBucket(services.settings)),
      ...(await remainsInTemporal(services.settings)),
      ...(await remainsInPostgres(services.settings.WAYBILL_LEDGER_URL)),
      ...(await remainsOnDisk(temporary)),
      ['log', Buffer.from(services.lines.join('\n'))],
    ]);
    const places = [...remains.keys()];
    for (const id of exported)
      expect(places.some((place) => place.startsWith('history') && place.includes(id))).toBe(true);
    const secrets = [PLANTED, identity, foreign, 'dreambuilder-demo-secret'];
    expect(
      findSecrets(
        remains,
        secrets.map((secret) => [`${secret.slice(0, 14)}…`, formsOf(secret)]),
      ),
    ).toEqual([]);
  });
});
