import { randomBytes } from 'node:crypto';
import { Decrypter } from 'age-encryption';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { objectKey, openServed, type ServedPeriodic } from './api-periodic-set-up.ts';
import { type StartedApi, startApi } from './api-set-up.ts';
import { readZip } from './archive.ts';
import { openDownload } from './raw-download.ts';
import { FILES, publishSealed, SNAPSHOT_AT } from './sealed-generation.ts';

let started: StartedApi;
let periodic: ServedPeriodic;

beforeAll(async () => {
  started = await startApi();
});
afterAll(() => started.stop());

beforeEach(async () => {
  periodic = await openServed(started);
});
afterEach(async () => {
  await periodic.server.close(0);
  expect(periodic.api.objects.openReads).toBe(0);
});

/** Larger than what is gathered before the first byte is sent, so that an end that is wrong can only be cut. */
const LARGE_BYTES = 3_500_000;
const large = () => ({
  user: { csv: randomBytes(LARGE_BYTES), json: '[\n]\n', 'typed-json': '[\n]\n', columns: { id: 'integer' } },
});

describe('one file', () => {
  test.each([
    ['csv', 'text/csv; charset=utf-8'],
    ['json', 'application/json'],
  ] as const)('comes as %s, opened, with its length, name and generation', async (fileType, type) => {
    const manifest = await publishSealed(started, periodic.api, periodic.tenant.key);
    const answer = await periodic.get(`download?file=user&fileType=${fileType}`);
    const content = FILES.user?.[fileType] ?? '';
    expect([answer.status, await answer.text()]).toEqual([200, content]);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': type,
      'content-length': String(Buffer.byteLength(content)),
      'content-disposition': `attachment; filename="user.${fileType}"; filename*=UTF-8''user.${fileType}`,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-waybill-generation': manifest.runId,
      'x-waybill-snapshot': SNAPSHOT_AT,
    });
    expect((await started.ledger.audit.list(periodic.tenant.key, 1))[0]).toMatchObject({
      action: 'periodic.downloaded',
      actor: periodic.tenant.clientId,
      runId: manifest.runId,
      detail: { file: 'user', fileType, generation: manifest.runId },
    });
  });

  test.each(['true', 'True', '1'])('has typed values with parseJsonDataTypes=%s, and their length', async (flag) => {
    await publishSealed(started, periodic.api, periodic.tenant.key);
    const answer = await periodic.get(`download?file=user&fileType=json&parseJsonDataTypes=${flag}`);
    const text = await answer.text();
    expect(text).toContain('9007199254740993');
    expect(text).toMatch(/"score": ?1\.10/);
    expect(JSON.parse(text)).toEqual([
      { id: 9007199254740992, name: 'Ada', score: 1.1, active: true },
      { id: 2, name: null, score: null, active: false },
    ]);
    expect(answer.headers.get('content-length')).toBe(String(Buffer.byteLength(text)));
    expect(answer.headers.get('content-disposition')).toContain('filename="user.json"');
  });

  test.each(['false', '', '0'])('has texts with parseJsonDataTypes=%s; CSV does not care', async (flag) => {
    await publishSealed(started, periodic.api, periodic.tenant.key);
    const json = await periodic.get(`download?file=user&fileType=json&parseJsonDataTypes=${flag}`);
    expect(await json.text()).toBe(FILES.user?.json);
    const csv = await periodic.get('download?file=user&fileType=csv&parseJsonDataTypes=true');
    expect([await csv.text(), csv.headers.has('content-length')]).toEqual([FILES.user?.csv, true]);
  });

  test('stays sealed where that is asked for, and needs no key then', async () => {
    const manifest = await publishSealed(started, periodic.api, periodic.tenant.key);
    const answer = await periodic.get('download?file=user&fileType=csv&sealed=true', periodic.tenant.headers);
    const stored = Buffer.from(await answer.arrayBuffer());
    expect(stored.equals(periodic.api.objects.stored.get(objectKey(manifest, 'user', 'csv')) ?? Buffer.alloc(0))).toBe(
      true,
    );
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': String(stored.byteLength),
      'content-disposition': expect.stringContaining('filename="user.csv.age"'),
    });
    const decrypter = new Decrypter();
    decrypter.addIdentity(periodic.key);
    expect(await decrypter.decrypt(stored, 'text')).toBe(FILES.user?.csv);
  });

  test('HEAD says the same, reads no object and is no download', async () => {
    await publishSealed(started, periodic.api, periodic.tenant.key);
    const reading = vi.spyOn(periodic.api.objects, 'read');
    for (const path of [
      'download?file=user&fileType=csv',
      'download?file=user&fileType=json&parseJsonDataTypes=true',
      'download?file=user&fileType=csv&sealed=true',
      'downloadAll?fileType=json',
    ]) {
      const head = await periodic.get(path, periodic.headers, 'HEAD');
      expect([head.status, (await head.arrayBuffer()).byteLength]).toEqual([200, 0]);
      expect(reading).not.toHaveBeenCalled();
      const got = await periodic.get(path);
      await got.arrayBuffer();
      reading.mockClear();
      const told = (answer: Response) =>
        ['content-type', 'content-length', 'content-disposition', 'x-waybill-generation', 'x-waybill-snapshot'].map(
          (name) => answer.headers.get(name),
        );
      expect([path, told(head)]).toEqual([path, told(got)]);
    }
    const downloads = (await started.ledger.audit.list(periodic.tenant.key, 50)).filter(
      ({ action }) => action === 'periodic.downloaded',
    );
    expect(downloads).toHaveLength(4);
    expect((await periodic.get('download?file=user&fileType=csv', periodic.tenant.headers, 'HEAD')).status).toBe(400);
  });

  test('of some size comes whole', async () => {
    const files = large();
    await publishSealed(started, periodic.api, periodic.tenant.key, files);
    const answer = await periodic.read('download?file=user&fileType=csv');
    expect([answer.status, answer.complete]).toEqual([200, true]);
    expect(answer.body.equals(Buffer.from(files.user?.csv ?? ''))).toBe(true);
  });
});

describe('all files', () => {
  test('come as one zip, flat, in the order of the catalog', async () => {
    const manifest = await publishSealed(started, periodic.api, periodic.tenant.key);
    const answer = await periodic.get('downloadAll?fileType=csv');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/zip']);
    expect(answer.headers.get('content-disposition')).toContain(`filename="${periodic.tenant.key}-csv-2026-11-21.zip"`);
    expect(answer.headers.get('x-waybill-generation')).toBe(manifest.runId);
    const entries = await readZip(Buffer.from(await answer.arrayBuffer()));
    expect([...entries].map(([name, content]) => [name, content.toString()])).toEqual(
      Object.entries(FILES).map(([name, { csv }]) => [`${name}.csv`, csv]),
    );
  });

  test('come typed, or sealed', async () => {
    const manifest = await publishSealed(started, periodic.api, periodic.tenant.key);
    const typed = await periodic.get('downloadAll?fileType=json&parseJsonDataTypes=true');
    const entries = await readZip(Buffer.from(await typed.arrayBuffer()));
    expect(JSON.parse(entries.get('HIDDEN.json')?.toString() ?? '')).toEqual([{ id: 1 }]);
    expect(JSON.parse(entries.get('year.json')?.toString() ?? '')).toEqual([]);

    const sealed = await periodic.get('downloadAll?fileType=json&sealed=true', periodic.tenant.headers);
    const stored = await readZip(Buffer.from(await sealed.arrayBuffer()));
    expect([...stored.keys()]).toEqual(['HIDDEN.json.age', 'user.json.age', 'year.json.age']);
    const user = periodic.api.objects.stored.get(objectKey(manifest, 'user', 'json'));
    expect(stored.get('user.json.age')?.equals(user ?? Buffer.alloc(0))).toBe(true);

    const both = await periodic.get(
      'downloadAll?fileType=json&sealed=true&parseJsonDataTypes=true',
      periodic.tenant.headers,
    );
    const typedAsStored = await readZip(Buffer.from(await both.arrayBuffer()));
    const names = ['HIDDEN.typed.json.age', 'user.typed.json.age', 'year.typed.json.age'];
    expect([...typedAsStored.keys()]).toEqual(names);
    const typedUser = periodic.api.objects.stored.get(objectKey(manifest, 'user', 'typed-json'));
    expect(typedAsStored.get('user.typed.json.age')?.equals(typedUser ?? Buffer.alloc(0))).toBe(true);
  });

  test('of a generation that is replaced meanwhile are all of the old one', async () => {
    await publishSealed(started, periodic.api, periodic.tenant.key, {
      ...large(),
      year: { ...FILES.year, csv: 'old' } as never,
    });
    const answer = await openDownload(`${periodic.address}/downloadAll?fileType=csv`, periodic.headers);
    const next = await publishSealed(started, periodic.api, periodic.tenant.key);
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    expect((await readZip(Buffer.concat(chunks))).get('year.csv')?.toString()).toBe('old');
    const after = await periodic.get('downloadAll?fileType=csv');
    expect(after.headers.get('x-waybill-generation')).toBe(next.runId);
    await after.arrayBuffer();
  });

  test('a client that goes away ends the read of the store', async () => {
    await publishSealed(started, periodic.api, periodic.tenant.key, {
      user: { csv: randomBytes(20_000_000), json: '[]', 'typed-json': '[]', columns: {} },
    });
    for (const path of ['downloadAll?fileType=csv', 'download?file=user&fileType=csv']) {
      const answer = await openDownload(`${periodic.address}/${path}`, periodic.headers);
      expect(periodic.api.objects.openReads).toBe(1);
      answer.destroy();
      await vi.waitFor(() => expect(periodic.api.objects.openReads).toBe(0));
    }
  });
});
