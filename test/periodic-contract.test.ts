import { readFile } from 'node:fs/promises';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { Objects } from '../stores/objects/objects.ts';
import { generateKey } from '../streams/age/keys.ts';
import { openWithAge, readZip } from './archive.ts';
import { expectEmpty, keysBelow, openBucket } from './bucket.ts';
import { writeCatalog } from './cleanup.ts';
import { type OwnServices, startOwnServices } from './context.ts';
import { periodicPrefix } from './keys.ts';
import { BUNDLE } from './periodic-bundle.ts';
import {
  ask,
  codeOf,
  createPeriodicClient,
  enableAndWait,
  type PeriodicClient,
  problemOf,
  USERS,
} from './periodic-client.ts';

const EVALUATION = new URL('../catalogs/sample/evaluation.yaml', import.meta.url);

let services: OwnServices;
let bucket: Objects;
let acme: PeriodicClient;
/** With {@link FEW} files, for tests that do not depend on their number. */
let fewServices: OwnServices;
let few: PeriodicClient;

beforeAll(async () => {
  const { WAYBILL_CATALOG } = await writeCatalog(await catalogOf(FEW));
  [services, fewServices] = await Promise.all([startOwnServices(), startOwnServices({ WAYBILL_CATALOG })]);
  bucket = openBucket(services.settings);
  acme = createPeriodicClient(services.url, 'acme-demo-secret');
  few = createPeriodicClient(fewServices.url, 'acme-demo-secret');
});

const NAMES = BUNDLE.map(({ file }) => file);
const FEW = ['topicType', 'user', 'year'];

/** @returns a catalog of only these periodic files of the sample */
async function catalogOf(files: readonly string[]): Promise<string> {
  const { datasets } = parse(await readFile(EVALUATION, 'utf8')) as {
    datasets: { name: string; offered_as?: string }[];
  };
  return stringify({ datasets: datasets.filter(({ name, offered_as: file = name }) => files.includes(file)) });
}

const storedOf = (tenant: string, { settings } = services) => keysBelow(openBucket(settings), periodicPrefix(tenant));

describe('a client that follows the documentation', () => {
  it('enables, downloads each file and all files, disables and deletes', async () => {
    const headers = { 'api-key': 'acme-demo-secret' };
    const call = (method: string, path: string) => fetch(`${services.url}/dataexport/${path}`, { method, headers });

    const enabling = await call('POST', 'enable');
    expect(enabling.status).toBe(200);
    const { enabled, privateKey } = (await enabling.json()) as { enabled: boolean; privateKey: string };
    expect(enabled).toBe(true);
    expect(privateKey).toMatch(/^AGE-SECRET-KEY-1[A-Z0-9]+$/);

    const statuses: number[] = [];
    const first = async () => {
      const answer = await call('GET', `download?file=year&fileType=csv&privateKey=${privateKey}`);
      await answer.arrayBuffer();
      statuses.push(answer.status);
      return answer.status;
    };
    await expect.poll(first, { timeout: 90_000, interval: 200 }).toBe(200);
    expect(statuses.slice(0, -1).every((status) => status === 404)).toBe(true);

    const single = new Map<string, string>();
    for (const { file, columns } of BUNDLE) {
      const csv = await call('GET', `download?file=${file}&fileType=csv&privateKey=${privateKey}`);
      expect([file, csv.status, csv.headers.get('content-type')]).toEqual([file, 200, 'text/csv; charset=utf-8']);
      expect(csv.headers.get('content-disposition')).toMatch(new RegExp(`^attachment; filename="${file}\\.csv"`));
      const text = await csv.text();
      expect(text.slice(0, text.indexOf('\n'))).toBe(columns.join(','));
      single.set(`${file}.csv`, text);

      const json = await call('GET', `download?file=${file}&fileType=json&privateKey=${privateKey}`);
      expect([file, json.status, json.headers.get('content-type')]).toEqual([file, 200, 'application/json']);
      expect(json.headers.get('content-disposition')).toMatch(new RegExp(`^attachment; filename="${file}\\.json"`));
      const rows = (await json.json()) as Record<string, unknown>[];
      expect(rows.length, file).toBeGreaterThan(0);
      for (const row of rows) {
        expect(Object.keys(row)).toEqual(columns);
        expect(Object.values(row).every((value) => value === null || typeof value === 'string')).toBe(true);
      }
      single.set(`${file}.json`, JSON.stringify(rows));
    }

    for (const fileType of ['csv', 'json']) {
      const all = await call('GET', `downloadAll?fileType=${fileType}&privateKey=${privateKey}`);
      expect([all.status, all.headers.get('content-type')]).toEqual([200, 'application/zip']);
      expect(all.headers.get('content-disposition')).toMatch(/^attachment; filename="[^"]+\.zip"/);
      const entries = await readZip(Buffer.from(await all.arrayBuffer()));
      expect([...entries.keys()].toSorted()).toEqual(NAMES.map((name) => `${name}.${fileType}`).toSorted());
      for (const [name, content] of entries) {
        const text = content.toString();
        expect(fileType === 'json' ? JSON.stringify(JSON.parse(text)) : text, name).toBe(single.get(name));
      }
    }

    const typed = await call(
      'GET',
      `download?file=answerSetResult&fileType=json&privateKey=${privateKey}&parseJsonDataTypes=true`,
    );
    const [answer] = (await typed.json()) as { id: unknown; value: unknown; questionHash: unknown }[];
    expect([typeof answer?.id, typeof answer?.questionHash]).toEqual(['number', 'string']);

    const disabling = await call('POST', 'disable');
    expect([disabling.status, await disabling.json()]).toEqual([200, { enabled: false }]);
    const after = await call('GET', `download?file=year&fileType=csv&privateKey=${privateKey}`);
    expect([after.status, await after.text()]).toEqual([200, single.get('year.csv')]);

    const deleting = await call('POST', 'disable?deleteSettings=true');
    expect([deleting.status, await deleting.json()]).toEqual([200, { enabled: false }]);
    expect(await storedOf('acme')).toEqual([]);
    const gone = await call('GET', `download?file=year&fileType=csv&privateKey=${privateKey}`);
    expect(await codeOf(gone)).toEqual([404, 'not_enabled']);
  });

  it('may double the slashes of the documented address', async () => {
    const answer = await fetch(`${services.url}//dataexport//download?file=user`, {
      headers: { 'api-key': 'acme-demo-secret' },
    });
    expect(answer.status).not.toBe(404);
  });
});

describe('enabling and disabling', () => {
  let privateKey: string;
  let recipient: string;

  it('shows the key once, and the status shows the recipient and the files but no key', async () => {
    const answer = await acme.enable();
    privateKey = answer.privateKey ?? '';
    ({ recipient } = answer);
    expect(recipient).toMatch(/^age1[a-z0-9]{58}$/);
    const generation = await acme.generation();
    expect(generation.files.map(({ file }) => file).toSorted()).toEqual(NAMES.toSorted());
    const text = await (await acme.request('GET', '/dataexport')).text();
    expect(text).not.toMatch(/AGE-SECRET-KEY/i);
    expect(JSON.parse(text)).toMatchObject({ enabled: true, recipient, files: expect.arrayContaining(NAMES) });
    expect(Date.parse((await acme.status()).nextRunAt ?? '')).toBeGreaterThan(Date.now());
  });

  it('refuses to enable twice, and changes nothing', async () => {
    expect(await codeOf(acme.request('POST', '/dataexport/enable'))).toEqual([409, 'already_enabled']);
    expect((await acme.status()).recipient).toBe(recipient);
    expect((await ask(acme, privateKey)).status).toBe(200);
  });

  it('keeps files and key while disabled, resumes with them, and never stops serving', async () => {
    const before = (await acme.generation()).generationId;
    const statuses: number[] = [];
    let downloading = true;
    const reader = (async () => {
      while (downloading) {
        const answer = await ask(acme, privateKey);
        await answer.arrayBuffer();
        statuses.push(answer.status);
      }
    })();
    try {
      await acme.disable();
      expect(await acme.status()).toMatchObject({ enabled: false, recipient, nextRunAt: null });
      const resumed = (await acme.enable()) as Awaited<ReturnType<typeof acme.enable>> & { readonly hint?: string };
      expect(resumed).toMatchObject({ enabled: true, privateKey: null, recipient, hint: expect.any(String) });
      // Enabling starts a run at once, so the generation changes during the downloads.
      await acme.generation(before);
    } finally {
      downloading = false;
      await reader;
    }
    expect(statuses.length).toBeGreaterThan(0);
    expect(new Set(statuses)).toEqual(new Set([200]));
  });

  it('may disable twice', async () => {
    await acme.disable();
    await acme.disable();
    expect((await acme.status()).enabled).toBe(false);
    expect((await ask(acme, privateKey)).status).toBe(200);
  });

  it('deletes everything before it responds, including the files of an active run', async () => {
    const before = await storedOf('acme');
    await acme.enable();
    await expect.poll(async () => (await storedOf('acme')).length, { timeout: 30_000 }).toBeGreaterThan(before.length);
    await acme.disable(true);
    await expectEmpty(bucket, periodicPrefix('acme'));
    expect(await codeOf(ask(acme, privateKey))).toEqual([404, 'not_enabled']);
    expect(await acme.status()).toMatchObject({ enabled: false, recipient: null, generation: null, nextRunAt: null });
  });

  it('creates another key the next time, and the old one opens nothing', async () => {
    const answer = await acme.enable();
    expect(answer.privateKey).toMatch(/^AGE-SECRET-KEY-1/);
    expect([answer.privateKey, answer.recipient]).not.toContain(privateKey);
    expect(answer.recipient).not.toBe(recipient);
    await acme.generation();
    expect(await codeOf(ask(acme, privateKey))).toEqual([403, 'wrong_key']);
    expect((await ask(acme, answer.privateKey ?? '')).status).toBe(200);
    await acme.disable(true);
  });
});

describe('rotating', () => {
  afterEach(() => few.disable(true));

  it('creates a new key and new files, and invalidates the old ones at once', async () => {
    const first = await few.enable();
    const { generationId } = await few.generation();
    const oldFiles = await storedOf('acme', fewServices);
    expect(oldFiles.length).toBe(FEW.length * 3 + 1);

    const second = await few.rotate();
    expect(second.privateKey).toMatch(/^AGE-SECRET-KEY-1/);
    expect(second.recipient).not.toBe(first.recipient);
    const now = new Set(await storedOf('acme', fewServices));
    expect(oldFiles.filter((key) => now.has(key))).toEqual([]);
    expect(await codeOf(ask(few, first.privateKey ?? ''))).toEqual([403, 'wrong_key']);

    const generation = await few.generation(generationId);
    expect(generation.files).toHaveLength(FEW.length);
    expect(await codeOf(ask(few, first.privateKey ?? ''))).toEqual([403, 'wrong_key']);
    expect((await few.download(USERS, second.privateKey ?? '')).length).toBeGreaterThan(0);
    for (const key of await storedOf('acme', fewServices)) expect(key).toContain(generation.generationId);
  });

  it('is refused if nothing is enabled', async () => {
    expect(await codeOf(few.request('POST', '/dataexport/rotate'))).toEqual([404, 'not_enabled']);
  });
});

describe('enabling with another kind of key', () => {
  afterEach(() => few.disable(true));

  it('takes the tenant’s own recipient: no response has a key, and age opens sealed downloads', async () => {
    const own = await generateKey({ postQuantum: false });
    const answer = await few.request('POST', '/dataexport/enable', { body: { recipient: own.recipient } });
    const text = await answer.text();
    expect([answer.status, JSON.parse(text)]).toEqual([
      200,
      { enabled: true, privateKey: null, recipient: own.recipient, hint: expect.any(String) },
    ]);
    expect(text).not.toMatch(/AGE-SECRET-KEY/i);
    const generation = await few.generation();

    const rows = generation.files.find(({ file }) => file === 'topicType')?.rows ?? 0;
    const query = 'file=topicType&fileType=json&sealed=true';
    const sealed = await few.request('GET', `/dataexport/download?${query}`);
    expect(sealed.status).toBe(200);
    expect(sealed.headers.get('content-disposition')).toMatch(/^attachment; filename="topicType\.json\.age"/);
    const opened = await openWithAge(Buffer.from(await sealed.arrayBuffer()), own.identity);
    expect(JSON.parse(opened.toString())).toHaveLength(rows);

    const zip = await few.request('GET', '/dataexport/downloadAll?fileType=csv&sealed=true');
    const entries = await readZip(Buffer.from(await zip.arrayBuffer()));
    expect([...entries.keys()].toSorted()).toEqual(FEW.map((name) => `${name}.csv.age`).toSorted());
    const year = await openWithAge(entries.get('year.csv.age') ?? Buffer.alloc(0), own.identity);
    expect(year.equals(await few.download('file=year&fileType=csv', own.identity))).toBe(true);

    const without = await few.request('GET', `/dataexport/download?${USERS}`);
    expect([without.status, (await problemOf(without)).code]).toEqual([400, 'missing_field']);
    await few.disable();
    const other = await generateKey({ postQuantum: false });
    const mixed = few.request('POST', '/dataexport/enable', { body: { recipient: other.recipient } });
    expect(await codeOf(mixed)).toEqual([409, 'recipient_kept']);
  });

  it('creates a post-quantum key that opens the same file in the service and in age', async () => {
    const { privateKey } = await enableAndWait(few, { postQuantum: true });
    expect(privateKey).toMatch(/^AGE-SECRET-KEY-PQ-1/);
    const content = await few.download(USERS, privateKey);
    const sealed = await few.request('GET', `/dataexport/download?${USERS}&sealed=true`);
    const opened = await openWithAge(Buffer.from(await sealed.arrayBuffer()), privateKey);
    expect(opened.equals(content)).toBe(true);
  });

  it.each([
    ['an invalid recipient', { recipient: 'age1nonsense' }, 400, 'invalid_recipient'],
    ['a private key as recipient', { recipient: 'AGE-SECRET-KEY-1QQQ' }, 400, 'invalid_recipient'],
    ['both at once', { recipient: `age1${'q'.repeat(58)}`, postQuantum: true }, 400, 'invalid_recipient'],
    ['an unknown field', { recipients: [] }, 400, 'unknown_field'],
    ['an invalid time of day', { at: '25:00' }, 400, 'invalid_field'],
    ['an unknown time zone', { timeZone: 'Mars/Olympus' }, 400, 'invalid_field'],
    ['an array', [], 400, 'malformed_body'],
  ])('refuses %s, and enables nothing', async (_, body, status, code) => {
    expect(await codeOf(few.request('POST', '/dataexport/enable', { body }))).toEqual([status, code]);
    expect(await few.status()).toMatchObject({ enabled: false, recipient: null });
  });
});
