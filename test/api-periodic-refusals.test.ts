import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { generateKey } from '../streams/age/keys.ts';
import { codeOf, objectKey, openServedDoor, type ServedDoor } from './api-periodic-set-up.ts';
import { post, type StartedApi, startApi } from './api-set-up.ts';
import { readZip } from './archive.ts';
import { FILES, publishSealed } from './sealed-generation.ts';

let started: StartedApi;
let door: ServedDoor;

beforeAll(async () => {
  started = await startApi();
});
afterAll(() => started.stop());

beforeEach(async () => {
  door = await openServedDoor(started);
});
afterEach(async () => {
  await door.server.close(0);
  expect(door.api.objects.openReads).toBe(0);
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
    await publishSealed(started, door.api, door.tenant.key);
    const answer = await door.get(`download?${query}`);
    const problem = (await answer.json()) as { errors: unknown[]; allowed?: string[] };
    expect([answer.status, problem]).toEqual([400, expect.objectContaining({ code, field })]);
    expect(problem.allowed).toEqual(allowed);
    expect(problem.errors).toEqual([
      { field, code, message: expect.any(String), ...(allowed === undefined ? {} : { allowed }) },
    ]);
  });

  test('all mistakes are told together, each with what is allowed', async () => {
    const answer = await door.get('download?file=nothing&fileType=xls&parseJsonDataTypes=2&organisation=other');
    const { errors, code } = (await answer.json()) as { errors: { field: string; allowed: string[] }[]; code: string };
    expect([code, errors.map(({ field }) => field)]).toEqual([
      'unknown_file',
      ['file', 'fileType', 'parseJsonDataTypes'],
    ]);
    expect(errors.every(({ allowed }) => allowed.length > 1)).toBe(true);
    const all = await door.get('downloadAll?parseJsonDataTypes=x');
    expect(((await all.json()) as { errors: unknown[] }).errors).toHaveLength(2);
  });

  test('in this order: parameters, organisation, not enabled, no key, wrong key, not produced', async () => {
    const stranger = await started.addTenant();
    const other = (await generateKey({ postQuantum: false })).identity;
    const ask = (query: string, own: Record<string, string>) => codeOf(door.get(`download?${query}`, own));
    const good = 'file=user&fileType=csv';
    expect(await ask('file=x&organisation=other', stranger.headers)).toEqual([400, 'unknown_file']);
    expect(await ask(`${good}&organisation=other`, stranger.headers)).toEqual([404, 'foreign_organisation']);
    expect(await ask(good, stranger.headers)).toEqual([404, 'not_enabled']);
    expect(await ask(good, door.tenant.headers)).toEqual([400, 'missing_field']);
    expect(await ask(good, door.withKey(other))).toEqual([403, 'wrong_key']);
    const answer = await door.get(`download?${good}`);
    expect([answer.headers.get('retry-after'), await codeOf(answer)]).toEqual(['30', [404, 'not_produced']]);
    expect(await ask(`${good}&sealed=true`, door.tenant.headers)).toEqual([404, 'not_produced']);
  });

  test('a file that the catalog has only since the last run is not produced yet', async () => {
    await publishSealed(started, door.api, door.tenant.key, { user: FILES.user as never });
    const answer = await door.get('download?file=year&fileType=csv');
    expect(await answer.json()).toMatchObject({ code: 'not_produced', detail: expect.stringContaining('year') });
    const zip = await door.get('downloadAll?fileType=csv');
    expect([...(await readZip(Buffer.from(await zip.arrayBuffer()))).keys()]).toEqual(['user.csv']);
  });

  test('unknown parameters are passed over', async () => {
    await publishSealed(started, door.api, door.tenant.key);
    expect((await door.get('download?file=user&fileType=csv&_=1&File=x&__proto__=y')).status).toBe(200);
  });

  test('another tenant’s key opens nothing of this one', async () => {
    await publishSealed(started, door.api, door.tenant.key);
    const other = await started.addTenant();
    const enabled = await door.api.app.request('/dataexport/enable', post(other.headers, {}));
    const theirs = ((await enabled.json()) as { privateKey: string }).privateKey;
    await publishSealed(started, door.api, other.key);
    expect(await codeOf(door.get('downloadAll?fileType=csv', door.withKey(theirs)))).toEqual([403, 'wrong_key']);
    expect(await codeOf(door.get('downloadAll?fileType=csv', { ...other.headers, 'x-private-key': door.key }))).toEqual(
      [403, 'wrong_key'],
    );
  });
});

describe('the private key', () => {
  test('is taken from the header, else from the query', async () => {
    await publishSealed(started, door.api, door.tenant.key);
    const other = (await generateKey({ postQuantum: false })).identity;
    const path = 'download?file=year&fileType=csv';
    const statuses = await Promise.all([
      door.get(`${path}&privateKey=${door.key}`, door.tenant.headers),
      door.get(`${path}&privateKey=${other}`, door.headers),
      door.get(`${path}&privateKey=${door.key}`, door.withKey(other)),
      door.get(`${path}&privateKey=${door.key}`, door.withKey('')),
      door.get(`${path}&privateKey=`, door.tenant.headers),
    ]);
    expect(statuses.map(({ status }) => status)).toEqual([200, 200, 403, 200, 400]);
  });

  test('may be a post-quantum one', async () => {
    const { privateKey } = await door.keyOf('rotate', { postQuantum: true });
    await publishSealed(started, door.api, door.tenant.key);
    const answer = await door.get('download?file=user&fileType=csv', door.withKey(privateKey ?? ''));
    expect(await answer.text()).toBe(FILES.user?.csv);
  });

  test('goes on opening the files after a plain disable', async () => {
    await publishSealed(started, door.api, door.tenant.key);
    await door.api.app.request('/dataexport/disable', { method: 'POST', headers: door.tenant.headers });
    expect(await (await door.get('download?file=user&fileType=csv')).text()).toBe(FILES.user?.csv);
  });

  test('is 403 when it is wrong, however, and is in no answer, log or audit line', async () => {
    const manifest = await publishSealed(started, door.api, door.tenant.key);
    const other = (await generateKey({ postQuantum: false })).identity;
    const wrong = [
      other,
      `${door.key.slice(0, -1)}${door.key.endsWith('Q') ? 'P' : 'Q'}`,
      door.key.toLowerCase(),
      `${door.key} ${door.key}`,
      'nonsense-key-of-somebody',
    ];
    const written = vi.spyOn(process.stderr, 'write');
    const printed = vi.spyOn(console, 'error');
    const texts: string[] = [];
    for (const text of wrong) {
      for (const path of ['download?file=user&fileType=csv', 'downloadAll?fileType=csv']) {
        for (const answer of [
          await door.get(path, door.withKey(text)),
          await door.get(`${path}&privateKey=${encodeURIComponent(text)}`, door.tenant.headers),
        ]) {
          expect([text.slice(0, 4), answer.status]).toEqual([text.slice(0, 4), 403]);
          texts.push(await answer.text());
        }
      }
    }
    // Also where the download is cut, and where the answer is an error of ours.
    const object = objectKey(manifest, 'user', 'csv');
    door.api.objects.stored.set(object, Buffer.from('damaged'));
    for (const path of ['download?file=user&fileType=csv', 'downloadAll?fileType=csv']) {
      texts.push((await door.read(`${path}&privateKey=${door.key}`)).body.toString());
    }
    door.api.objects.get = async () => {
      throw new Error('A mistake of ours');
    };
    texts.push(await (await door.get(`download?file=user&fileType=csv&privateKey=${door.key}`)).text());
    texts.push(JSON.stringify(await started.ledger.audit.list(door.tenant.key, 100)), started.logged.join(''));
    texts.push(JSON.stringify([written.mock.calls, printed.mock.calls]));
    vi.restoreAllMocks();
    for (const secret of [door.key, ...wrong]) {
      for (const text of texts) expect(text.toLowerCase()).not.toContain(secret.toLowerCase());
    }
    expect(started.logged.join('')).toContain('/dataexport/download');
  });
});
