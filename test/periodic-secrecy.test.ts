import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { startServers } from '../stack/servers.ts';
import { prepareStores, type ServiceSettings, startServices } from '../stack/stack.ts';
import { generateKey, recipientOf } from '../streams/age/keys.ts';
import { closeAtEnd, temporaryFolder, writeCatalog } from './cleanup.ts';
import { useStack } from './context.ts';
import { periodicScheduleId } from './keys.ts';
import { createPeriodicClient, type PeriodicClient } from './periodic-client.ts';
import { QUIET } from './programs.ts';
import {
  findSecrets,
  formsOf,
  identityBytes,
  type Remains,
  remainsInBucket,
  remainsInPostgres,
  remainsInTemporal,
  remainsOnDisk,
} from './remains.ts';
import { openTemporal } from './temporal.ts';

/** Text that only exported rows contain. */
const PLANTED = 'planted-plaintext-8c2d';
/** A malformed key. */
const MALFORMED = 'AGE-SECRET-KEY-1MALFORMED8C2D5E1F';
const SECRET = 'acme-demo-secret';

/** Numbers are read from text. An invalid one fails the run, and DuckDB's message contains the text. */
const CATALOG = `
datasets:
  - name: user
    title: Rows with a text to look for
    doors: [periodic]
    sql: SELECT 'acme' AS tenant, text, CAST(number AS BIGINT) AS number FROM planted
    tenant_column: tenant
    columns: [{ name: text, type: text }, { name: number, type: integer }]
`;

let folder: string;
let url: string;
let settings: ServiceSettings;
let client: PeriodicClient;
/** Output of all processes. */
const lines: string[] = [];
/** Headers and bodies of all responses that must not contain a key. */
const answers: string[] = [];

/** Writes the rows of the warehouse. */
async function plant(number: string): Promise<void> {
  const rows = Array.from({ length: 20_000 }, () => `${PLANTED},${number}\n`);
  await writeFile(join(folder, 'source', 'planted.csv'), `text,number\n${rows.join('')}`);
}

beforeAll(async () => {
  folder = await temporaryFolder();
  for (const name of ['source', 'temp', 'data']) await mkdir(join(folder, name));
  await plant('1');
  const { environment } = useStack();
  const line = (from: string, text: string) => void lines.push(`${from} | ${text}`);
  const servers = await startServers({
    ...QUIET,
    ports: 'free',
    dataDirectory: join(folder, 'data'),
    environment,
    line,
    crashed: (name, how) => lines.push(`${name} ${how}`),
  });
  closeAtEnd(servers.stop);
  await prepareStores(servers.settings);
  const source = join(folder, 'source', 'planted.csv');
  const own = {
    ...servers.settings,
    ...(await writeCatalog(CATALOG)),
    WAYBILL_WAREHOUSE_SQL: `CREATE VIEW planted AS SELECT * FROM read_csv('${source}', all_varchar = true, header = true)`,
    WAYBILL_WAREHOUSE_DIRECTORIES: join(folder, 'source'),
    WAYBILL_TEMP_DIRECTORY: join(folder, 'temp'),
    WAYBILL_LOG_LEVEL: 'trace',
  };
  settings = own;
  await startServices(servers.supervisor, { settings: own, environment });
  url = servers.urls.api;
  client = createPeriodicClient(url, SECRET);
});

/** Sends a key in every possible way to both downloads. @returns the statuses */
async function send(key: string): Promise<readonly number[]> {
  const statuses: number[] = [];
  for (const path of ['download?file=user&fileType=csv', 'downloadAll?fileType=json&parseJsonDataTypes=true']) {
    for (const [query, headers] of [
      [`&privateKey=${key}`, {}],
      ['', { 'x-private-key': key }],
      [`&privateKey=${key}`, { 'x-private-key': key }],
      [`&sealed=maybe&privateKey=${key}`, {}],
      [`&file=${key}&privateKey=${key}`, {}],
    ] as const) {
      const answer = await client.request('GET', `/dataexport/${path}${query}`, { headers });
      const body = await answer.text();
      if (answer.status !== 200) answers.push(body);
      answers.push(JSON.stringify([...answer.headers]));
      statuses.push(answer.status);
    }
  }
  return statuses;
}

/** Sends keys in the wrong places, as people do by mistake. */
async function misplace(key: string): Promise<void> {
  for (const [method, path, body] of [
    ['POST', '/dataexport/enable', { recipient: key }],
    ['POST', '/dataexport/rotate', { recipient: key }],
    ['POST', '/dataexport/rotate', { [key]: true }],
    ['POST', `/dataexport/disable?deleteSettings=${key}`, undefined],
    ['GET', `/dataexport?organisation=${key}`, undefined],
    ['GET', `/dataexport/download/${key}?file=user&fileType=csv`, undefined],
    ['GET', `/dataexport/download?file=user&fileType=${key}`, undefined],
  ] as const) {
    const answer = await client.request(method, path, body === undefined ? {} : { body });
    answers.push(JSON.stringify([...answer.headers]), await answer.text());
  }
  for (const headers of [
    { 'api-key': key },
    { authorization: `Bearer ${key}` },
    { authorization: `Basic ${Buffer.from(`${key}:${SECRET}`).toString('base64')}` },
    { authorization: `Basic ${Buffer.from(`acme:${key}`).toString('base64')}` },
  ]) {
    const answer = await fetch(`${url}/dataexport`, { headers: { ...headers, 'x-request-id': key } });
    answers.push(JSON.stringify([...answer.headers]), await answer.text());
    expect(answer.status).toBe(401);
  }
  const fields = { grant_type: 'client_credentials', client_id: key, client_secret: key };
  const token = await fetch(`${url}/oauth/token`, { method: 'POST', body: new URLSearchParams(fields) });
  answers.push(JSON.stringify([...token.headers]), await token.text());
}

/** Starts a run as the schedule would. @returns its final state */
async function runAnother(): Promise<string> {
  const before = (await client.status()).lastRun?.generationId;
  const { client: temporal, close } = await openTemporal(settings);
  await temporal.schedule.getHandle(periodicScheduleId('acme')).trigger();
  await close();
  const { lastRun } = await client.until(
    (view) => view.running === null && view.lastRun?.generationId !== before && view.lastRun?.state !== 'running',
  );
  return lastRun?.state ?? '';
}

describe('periodic exports', () => {
  it('leave neither their content nor a private key anywhere', async () => {
    const first = await client.enable();
    await client.generation();
    const foreign = (await generateKey({ postQuantum: false })).identity;
    const quantum = (await generateKey({ postQuantum: true })).identity;
    expect(await send(first.privateKey ?? '')).toContain(200);
    for (const wrong of [foreign, quantum, MALFORMED]) expect(await send(wrong)).not.toContain(200);
    await misplace(foreign);

    const second = await client.rotate();
    await client.generation();
    expect(await send(first.privateKey ?? '')).not.toContain(200);
    expect(await send(second.privateKey ?? '')).toContain(200);

    await plant(PLANTED);
    expect(await runAnother()).toBe('failed');
    expect(await send(second.privateKey ?? '')).toContain(200);
    answers.push(JSON.stringify(await client.status()));
    await plant('2');
    expect(await runAnother()).toBe('published');
    expect(await recipientOf(second.privateKey ?? '')).toBe(second.recipient);

    const remains: Remains = new Map([
      ...(await remainsInBucket(settings)),
      ...(await remainsInTemporal(settings)),
      ...(await remainsInPostgres(settings.WAYBILL_LEDGER_URL)),
      // The object store's files, PostgreSQL's with its write-ahead log, and Temporal's database.
      ...(await remainsOnDisk(join(folder, 'data'))),
      ...(await remainsOnDisk(join(folder, 'temp'))),
      ['log', Buffer.from(lines.join('\n'))],
      ['answers', Buffer.from(answers.join('\n'))],
    ]);
    for (const kind of ['object periodic/acme/', 'history periodic-export', 'schedule ', 'table ', 'log', 'answers']) {
      const places = [...remains].filter(([place]) => place.startsWith(kind));
      expect([kind, places.some(([, bytes]) => bytes.length > 0)]).toEqual([kind, true]);
    }
    const database = remains.get(`file ${join(folder, 'data', 'temporal.sqlite')}`);
    expect(database?.includes(periodicScheduleId('acme'))).toBe(true);

    const keys = [first.privateKey ?? '', second.privateKey ?? '', foreign, quantum];
    const secrets: readonly (readonly [string, readonly Buffer[]])[] = [
      ['the planted text', formsOf(PLANTED)],
      ['the credential', formsOf(SECRET)],
      ['the malformed key', formsOf(MALFORMED)],
      ...keys.map((key, index) => [`key ${index + 1}`, formsOf(key)] as const),
      ...keys.map((key, index) => [`the bytes of key ${index + 1}`, [identityBytes(key)]] as const),
    ];
    expect(findSecrets(remains, secrets)).toEqual([]);
  });
});
