import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { generateKey } from '../streams/age/keys.ts';
import { codeOf, objectKey, openServed, type ServedPeriodic } from './api-periodic-set-up.ts';
import { post, type StartedApi, startApi } from './api-set-up.ts';
import { readZip } from './archive.ts';
import { FILES, publishSealed } from './sealed-generation.ts';

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

describe('what is refused', () => {
  const NAMES = Object.keys(FILES);
  test.each([
    ['file=users&fileType=csv', 'unknown_file', 'file', NAMES],
    ['file=USER&fileType=csv', 'unknown_file', 'file', NAMES],
    ['file=EVALUATION_USERS&fileType=csv', 'unknown_file', 'file', NAMES],
    ['file=LEARNING_ACTIVITIES&fileType=csv', 'unknown_file', 'file', NAMES],
    ['file=..%2Fuser&fileType=csv', 'unknown_file', 'file', NAMES],
    ['fileType=csv', 'missing_field', 'file', NAMES],
    ['file=&fileType=csv', 'missing_field', 'file', NAMES],
    ['file=user', 'missing_field', 'fileType', ['csv', 'json']],
    ['file=user&fileType=CSV', 'unknown_file_type', 'fileType', ['csv', 'json']],
    ['file=user&fileType=xml', 'unknown_file_type', 'fileType', ['csv', 'json']],
    ['file=user&fileType=json&parseJsonDataTypes=yes', 'invalid_field', 'parseJsonDataTypes', ['true', 'false']],
    ['file=user&fileType=json&sealed=maybe', 'invalid_field', 'sealed', ['true', 'false']],
    ['file=user&file=user&fileType=csv', 'invalid_field', 'file', undefined],
    ['file=user&fileType=csv&privateKey=a&privateKey=a', 'invalid_field', 'privateKey', undefined],
  ])('%s: 400 %s', async (query, code, field, allowed) => {
    await publishSealed(started, periodic.api, periodic.tenant.key);
    const answer = await periodic.get(`download?${query}`);
    const problem = (await answer.json()) as { errors: unknown[]; allowed?: string[] };
    expect([answer.status, problem]).toEqual([400, expect.objectContaining({ code, field })]);
    expect(problem.allowed).toEqual(allowed);
    expect(problem.errors).toEqual([
      { field, code, message: expect.any(String), ...(allowed === undefined ? {} : { allowed }) },
    ]);
  });

  test('all mistakes are told together, each with what is allowed', async () => {
    const answer = await periodic.get('download?file=nothing&fileType=xls&parseJsonDataTypes=2&organisation=other');
    const { errors, code } = (await answer.json()) as { errors: { field: string; allowed: string[] }[]; code: string };
    expect([code, errors.map(({ field }) => field)]).toEqual([
      'unknown_file',
      ['file', 'fileType', 'parseJsonDataTypes'],
    ]);
    expect(errors.every(({ allowed }) => allowed.length > 1)).toBe(true);
    const all = await periodic.get('downloadAll?parseJsonDataTypes=x');
    expect(((await all.json()) as { errors: unknown[] }).errors).toHaveLength(2);
  });

  test('in this order: parameters, organisation, not enabled, no key, wrong key, not produced', async () => {
    const stranger = await started.addTenant();
    const other = (await generateKey({ postQuantum: false })).identity;
    const ask = (query: string, own: Record<string, string>) => codeOf(periodic.get(`download?${query}`, own));
    const good = 'file=user&fileType=csv';
    expect(await ask('file=x&organisation=other', stranger.headers)).toEqual([400, 'unknown_file']);
    expect(await ask(`${good}&organisation=other`, stranger.headers)).toEqual([404, 'foreign_organisation']);
    expect(await ask(good, stranger.headers)).toEqual([404, 'not_enabled']);
    expect(await ask(good, periodic.tenant.headers)).toEqual([400, 'missing_field']);
    expect(await ask(good, periodic.withKey(other))).toEqual([403, 'wrong_key']);
    const answer = await periodic.get(`download?${good}`);
    expect([answer.headers.get('retry-after'), await codeOf(answer)]).toEqual(['30', [404, 'not_produced']]);
    expect(await ask(`${good}&sealed=true`, periodic.tenant.headers)).toEqual([404, 'not_produced']);
  });

  test('a file that the catalog has only since the last run is not produced yet', async () => {
    await publishSealed(started, periodic.api, periodic.tenant.key, { user: FILES.user as never });
    const answer = await periodic.get('download?file=year&fileType=csv');
    expect(await answer.json()).toMatchObject({ code: 'not_produced', detail: expect.stringContaining('year') });
    const zip = await periodic.get('downloadAll?fileType=csv');
    expect([...(await readZip(Buffer.from(await zip.arrayBuffer()))).keys()]).toEqual(['user.csv']);
  });

  test.each([
    ['unknown_field', '_=1'],
    ['unknown_field', 'File=x'],
    ['unknown_field', '__proto__=y'],
    ['invalid_field', 'file=user'],
  ])('%s is the answer to a parameter that is unknown or repeated: %s', async (code, parameter) => {
    expect(await codeOf(periodic.get(`download?file=user&fileType=csv&${parameter}`))).toEqual([400, code]);
  });

  test('another tenant’s key opens nothing of this one', async () => {
    await publishSealed(started, periodic.api, periodic.tenant.key);
    const other = await started.addTenant();
    const enabled = await periodic.api.app.request('/dataexport/enable', post(other.headers, {}));
    const theirs = ((await enabled.json()) as { privateKey: string }).privateKey;
    await publishSealed(started, periodic.api, other.key);
    expect(await codeOf(periodic.get('downloadAll?fileType=csv', periodic.withKey(theirs)))).toEqual([
      403,
      'wrong_key',
    ]);
    expect(
      await codeOf(periodic.get('downloadAll?fileType=csv', { ...other.headers, 'x-private-key': periodic.key })),
    ).toEqual([403, 'wrong_key']);
  });
});

describe('the private key', () => {
  test('is taken from the header, else from the query', async () => {
    await publishSealed(started, periodic.api, periodic.tenant.key);
    const other = (await generateKey({ postQuantum: false })).identity;
    const path = 'download?file=year&fileType=csv';
    const statuses = await Promise.all([
      periodic.get(`${path}&privateKey=${periodic.key}`, periodic.tenant.headers),
      periodic.get(`${path}&privateKey=${other}`, periodic.headers),
      periodic.get(`${path}&privateKey=${periodic.key}`, periodic.withKey(other)),
      periodic.get(`${path}&privateKey=${periodic.key}`, periodic.withKey('')),
      periodic.get(`${path}&privateKey=`, periodic.tenant.headers),
    ]);
    expect(statuses.map(({ status }) => status)).toEqual([200, 200, 403, 200, 400]);
  });

  test('is not taken from the query where the operator says so', async () => {
    const { app } = started.compose({ WAYBILL_PRIVATE_KEY_IN_QUERY: false });
    const { headers } = periodic.tenant;
    for (const path of ['download?file=year&', 'downloadAll?']) {
      const query = `fileType=csv&privateKey=${periodic.key}`;
      const answer = await app.request(`/dataexport/${path}${query}`, { headers });
      const text = await answer.clone().text();
      expect(await codeOf(answer)).toEqual([400, 'key_in_address']);
      expect(text).toContain('X-Private-Key');
      expect(text).not.toContain(periodic.key);
      const sealed = await app.request(`/dataexport/${path}fileType=csv&sealed=true`, { headers });
      expect((await codeOf(sealed))[1]).not.toBe('key_in_address');
    }
  });

  test('may be a post-quantum one', async () => {
    const { privateKey } = await periodic.keyOf('rotate', { postQuantum: true });
    await publishSealed(started, periodic.api, periodic.tenant.key);
    const answer = await periodic.get('download?file=user&fileType=csv', periodic.withKey(privateKey ?? ''));
    expect(await answer.text()).toBe(FILES.user?.csv);
  });

  test('goes on opening the files after a plain disable', async () => {
    await publishSealed(started, periodic.api, periodic.tenant.key);
    await periodic.api.app.request('/dataexport/disable', { method: 'POST', headers: periodic.tenant.headers });
    expect(await (await periodic.get('download?file=user&fileType=csv')).text()).toBe(FILES.user?.csv);
  });

  test('is 403 when it is wrong, however, and is in no answer, log or audit line', async () => {
    const manifest = await publishSealed(started, periodic.api, periodic.tenant.key);
    const other = (await generateKey({ postQuantum: false })).identity;
    const wrong = [
      other,
      `${periodic.key.slice(0, -1)}${periodic.key.endsWith('Q') ? 'P' : 'Q'}`,
      periodic.key.toLowerCase(),
      `${periodic.key} ${periodic.key}`,
      'nonsense-key-of-somebody',
    ];
    const written = vi.spyOn(process.stderr, 'write');
    const printed = vi.spyOn(console, 'error');
    const texts: string[] = [];
    for (const text of wrong) {
      for (const path of ['download?file=user&fileType=csv', 'downloadAll?fileType=csv']) {
        for (const answer of [
          await periodic.get(path, periodic.withKey(text)),
          await periodic.get(`${path}&privateKey=${encodeURIComponent(text)}`, periodic.tenant.headers),
        ]) {
          expect([text.slice(0, 4), answer.status]).toEqual([text.slice(0, 4), 403]);
          texts.push(await answer.text());
        }
      }
    }
    // Also where the download is cut, and where the answer is an error of ours.
    const object = objectKey(manifest, 'user', 'csv');
    periodic.api.objects.stored.set(object, Buffer.from('damaged'));
    for (const path of ['download?file=user&fileType=csv', 'downloadAll?fileType=csv']) {
      texts.push((await periodic.read(`${path}&privateKey=${periodic.key}`)).body.toString());
    }
    periodic.api.objects.get = async () => {
      throw new Error('A mistake of ours');
    };
    texts.push(await (await periodic.get(`download?file=user&fileType=csv&privateKey=${periodic.key}`)).text());
    texts.push(JSON.stringify(await started.ledger.audit.list(periodic.tenant.key, 100)), started.logged.join(''));
    texts.push(JSON.stringify([written.mock.calls, printed.mock.calls]));
    vi.restoreAllMocks();
    for (const secret of [periodic.key, ...wrong]) {
      for (const text of texts) expect(text.toLowerCase()).not.toContain(secret.toLowerCase());
    }
    expect(started.logged.join('')).toContain('/dataexport/download');
  });
});
