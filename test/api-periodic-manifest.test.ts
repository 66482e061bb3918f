import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { manifestKey } from '../contracts/keys.ts';
import { codeOf, objectKey, openServed, type ServedPeriodic } from './api-periodic-set-up.ts';
import { type StartedApi, startApi } from './api-set-up.ts';
import { generationPrefix } from './keys.ts';
import { publishSealed, SNAPSHOT_AT } from './sealed-generation.ts';

let started: StartedApi;
let periodic: ServedPeriodic;

beforeAll(async () => {
  started = await startApi();
});
afterAll(() => started.stop());

beforeEach(async () => {
  periodic = await openServed(started);
});
afterEach(() => periodic.server.close(0));

/** Sends no key. */
const ask = (more = '', method = 'GET') => periodic.get(`manifest${more}`, periodic.tenant.headers, method);
const storedKey = (generationId: string) => manifestKey(generationPrefix(periodic.tenant.key, generationId));

test('the manifest comes byte for byte as it is stored, and fits what is downloaded sealed', async () => {
  const manifest = await publishSealed(started, periodic.api, periodic.tenant.key);
  const answer = await ask();
  const bytes = Buffer.from(await answer.arrayBuffer());
  expect(bytes.equals(periodic.api.objects.stored.get(storedKey(manifest.runId)) ?? Buffer.alloc(0))).toBe(true);
  expect([answer.status, Object.fromEntries(answer.headers)]).toEqual([
    200,
    expect.objectContaining({
      'content-type': 'application/json',
      'content-length': String(bytes.byteLength),
      'cache-control': 'no-store',
      'x-waybill-generation': manifest.runId,
      'x-waybill-snapshot': SNAPSHOT_AT,
    }),
  ]);
  expect(answer.headers.has('content-disposition')).toBe(false);
  for (const { name, format, parts } of manifest.files) {
    const query = `file=${name}&fileType=${format === 'csv' ? 'csv' : 'json'}&parseJsonDataTypes=${format === 'typed-json'}`;
    const sealed = await periodic.get(`download?${query}&sealed=true`, periodic.tenant.headers);
    const hash = createHash('sha256').update(Buffer.from(await sealed.arrayBuffer()));
    expect(hash.digest('hex')).toBe(parts[0]?.sha256);
  }
});

test('HEAD says the same without a body', async () => {
  await publishSealed(started, periodic.api, periodic.tenant.key);
  const [head, got] = [await ask('', 'HEAD'), await ask()];
  expect([head.status, (await head.arrayBuffer()).byteLength]).toEqual([200, 0]);
  await got.arrayBuffer();
  const told = (answer: Response) =>
    ['content-type', 'content-length', 'cache-control', 'x-waybill-generation', 'x-waybill-snapshot'].map((name) =>
      answer.headers.get(name),
    );
  expect(told(head)).toEqual(told(got));
});

test('refusals, in this order: parameters, organisation, not enabled, not produced', async () => {
  const stranger = await started.addTenant();
  expect(await codeOf(ask('?organisation=other&organisation=other'))).toEqual([400, 'invalid_field']);
  expect(await codeOf(ask('?organisation=other'))).toEqual([404, 'foreign_organisation']);
  expect(await codeOf(periodic.get('manifest', stranger.headers))).toEqual([404, 'not_enabled']);
  expect(await codeOf(periodic.get('manifest', {}))).toEqual([401, 'unauthenticated']);
  const answer = await ask();
  expect([answer.headers.get('retry-after'), await codeOf(answer)]).toEqual(['30', [404, 'not_produced']]);
  await publishSealed(started, periodic.api, periodic.tenant.key);
  expect((await ask(`?organisation=${periodic.tenant.key.toUpperCase()}`)).status).toBe(200);
  expect(await codeOf(periodic.get('manifest', stranger.headers))).toEqual([404, 'not_enabled']);
});

test.each([
  ['altered', (text: string) => text.replace('"rows":3', '"rows":4')],
  ['written anew', (text: string) => `${text}\n`],
  ['gone', () => undefined],
])('one that is %s is not given out', async (_name, damage: (text: string) => string | undefined) => {
  const { runId: generationId } = await publishSealed(started, periodic.api, periodic.tenant.key);
  const damaged = damage(Buffer.from(periodic.api.objects.stored.get(storedKey(generationId)) ?? '').toString());
  if (damaged === undefined) periodic.api.objects.stored.delete(storedKey(generationId));
  else periodic.api.objects.stored.set(storedKey(generationId), Buffer.from(damaged));
  expect(await codeOf(ask())).toEqual([500, 'object_damaged']);
});

test('an altered object does not hold it back: that is what it proves', async () => {
  const manifest = await publishSealed(started, periodic.api, periodic.tenant.key);
  periodic.api.objects.stored.set(objectKey(manifest, 'user', 'csv'), Buffer.from('damaged'));
  expect((await ask()).status).toBe(200);
});

test('of a key that is replaced while it is read, nothing is told', async () => {
  const { runId: generationId } = await publishSealed(started, periodic.api, periodic.tenant.key);
  const { get } = periodic.api.objects;
  periodic.api.objects.get = async (wanted) => {
    periodic.api.objects.get = get;
    const found = await get(wanted);
    await periodic.keyOf('rotate');
    return found;
  };
  expect(await codeOf(ask())).toEqual([404, 'not_produced']);
  const next = await publishSealed(started, periodic.api, periodic.tenant.key);
  expect((await ask()).headers.get('x-waybill-generation')).toBe(next.runId);
  expect(next.runId).not.toBe(generationId);
});
