import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { manifestKey } from '../contracts/keys.ts';
import { codeOf, objectKey, openServed, type ServedPeriodic } from './api-periodic-set-up.ts';
import { type StartedApi, startApi } from './api-set-up.ts';
import { generationPrefix } from './keys.ts';
import { openDownload } from './raw-download.ts';
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

/** Larger than what is gathered before the first byte is sent, so that an end that is wrong can only be cut. */
const LARGE_BYTES = 3_500_000;
const large = () => ({
  user: { csv: randomBytes(LARGE_BYTES), json: '[\n]\n', 'typed-json': '[\n]\n', columns: { id: 'integer' } },
});

describe('what is not as the manifest says never is a complete answer', () => {
  const flip = (at: (length: number) => number) => (body: Uint8Array) => {
    const altered = Buffer.from(body);
    const place = at(altered.length);
    altered[place] = (altered[place] ?? 0) ^ 1;
    return altered;
  };
  test.each([
    ['its header is altered', flip(() => 60)],
    ['its first block is altered', flip(() => 1000)],
    ['its middle is altered', flip((length) => length >> 1)],
    ['its last byte is altered', flip((length) => length - 1)],
    ['it is cut short', (body: Uint8Array) => body.subarray(0, body.length - 1)],
    ['it is cut at a block', (body: Uint8Array) => body.subarray(0, 2_000_000)],
    ['it is empty', () => new Uint8Array()],
    ['it is gone', () => undefined],
  ])('when %s', async (_name, damage: (body: Uint8Array) => Uint8Array | undefined) => {
    const manifest = await publishSealed(started, periodic.api, periodic.tenant.key, large());
    const stored = objectKey(manifest, 'user', 'csv');
    const damaged = damage(periodic.api.objects.stored.get(stored) ?? new Uint8Array());
    if (damaged) periodic.api.objects.stored.set(stored, damaged);
    else periodic.api.objects.stored.delete(stored);
    for (const path of ['download?file=user&fileType=csv', 'downloadAll?fileType=csv']) {
      for (const more of ['', '&sealed=true']) {
        const answer = await periodic.read(`${path}${more}`);
        if (answer.status === 200) expect([path, more, answer.complete]).toEqual([path, more, false]);
        else expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'object_damaged' });
      }
    }
  });

  test('also where it was sealed anew to the same recipient', async () => {
    const manifest = await publishSealed(started, periodic.api, periodic.tenant.key);
    const other = await publishSealed(started, periodic.api, periodic.tenant.key, {
      user: { csv: 'id\n666\n', json: '[]', 'typed-json': '[]', columns: {} },
    });
    const forged = periodic.api.objects.stored.get(objectKey(other, 'user', 'csv')) ?? new Uint8Array();
    periodic.api.objects.stored.set(
      objectKey(other, 'user', 'csv'),
      periodic.api.objects.stored.get(objectKey(manifest, 'user', 'csv')) ?? forged,
    );
    for (const more of ['', '&sealed=true']) {
      const answer = await periodic.read(`download?file=user&fileType=csv${more}`);
      expect([answer.status, answer.body.toString().includes('object_damaged')]).toEqual([500, true]);
    }
  });

  test.each([
    ['altered', (text: string) => text.replace('"rows":3', '"rows":4')],
    ['of another generation', () => '{"version":1}'],
    ['no JSON', () => 'nonsense'],
    ['gone', () => undefined],
  ])('nor when the manifest is %s', async (_name, damage: (text: string) => string | undefined) => {
    const { runId: generationId } = await publishSealed(started, periodic.api, periodic.tenant.key);
    const stored = manifestKey(generationPrefix(periodic.tenant.key, generationId));
    const damaged = damage(Buffer.from(periodic.api.objects.stored.get(stored) ?? '').toString());
    if (damaged === undefined) periodic.api.objects.stored.delete(stored);
    else periodic.api.objects.stored.set(stored, Buffer.from(damaged));
    for (const path of [
      'download?file=user&fileType=csv',
      'downloadAll?fileType=csv',
      'downloadAll?fileType=csv&sealed=1',
    ])
      expect(await codeOf(periodic.get(path))).toEqual([500, 'object_damaged']);
  });

  test('and a store that is away is told', async () => {
    await publishSealed(started, periodic.api, periodic.tenant.key);
    periodic.api.objects.away = true;
    expect(await codeOf(periodic.get('download?file=user&fileType=csv'))).toEqual([503, 'objects_unavailable']);
  });

  test('a file that is removed while it is sent cuts the connection', async () => {
    const manifest = await publishSealed(started, periodic.api, periodic.tenant.key, {
      ...large(),
      year: FILES.year as never,
    });
    const answer = await openDownload(`${periodic.address}/downloadAll?fileType=csv`, periodic.headers);
    periodic.api.objects.stored.delete(objectKey(manifest, 'year', 'csv'));
    await expect(
      (async () => {
        for await (const _chunk of answer);
      })(),
    ).rejects.toThrow();
    expect(answer.complete).toBe(false);
  });
});

describe('rotating', () => {
  test('voids the old key, and files that are sealed to it', async () => {
    await publishSealed(started, periodic.api, periodic.tenant.key);
    const fresh = (await periodic.keyOf('rotate')).privateKey ?? '';
    expect(await codeOf(periodic.get('download?file=user&fileType=csv'))).toEqual([403, 'wrong_key']);
    const answer = await periodic.get('downloadAll?fileType=csv', periodic.withKey(fresh));
    expect([answer.headers.get('retry-after'), await codeOf(answer)]).toEqual(['30', [404, 'not_produced']]);
    await publishSealed(started, periodic.api, periodic.tenant.key);
    const opened = await periodic.get('download?file=user&fileType=csv', periodic.withKey(fresh));
    expect(await opened.text()).toBe(FILES.user?.csv);
  });

  test.each(['manifest', 'object'])('while the %s is being read lets no download begin', async (stage) => {
    await publishSealed(started, periodic.api, periodic.tenant.key);
    const spoil = { get: periodic.api.objects.get, read: periodic.api.objects.read };
    if (stage === 'manifest') {
      periodic.api.objects.get = async (wanted) => {
        const found = await spoil.get(wanted);
        periodic.api.objects.get = spoil.get;
        await periodic.keyOf('rotate');
        return found;
      };
    } else {
      periodic.api.objects.read = async function* (...wanted) {
        periodic.api.objects.read = spoil.read;
        const whole = await Array.fromAsync(spoil.read(...wanted));
        await periodic.keyOf('rotate');
        yield* whole;
      };
    }
    expect(await codeOf(periodic.get('download?file=user&fileType=csv'))).toEqual([403, 'wrong_key']);
  });

  test('with deletion, the same way, leaves nothing to download', async () => {
    await publishSealed(started, periodic.api, periodic.tenant.key);
    const { get: found } = periodic.api.objects;
    periodic.api.objects.get = async (wanted) => {
      const manifest = await found(wanted);
      periodic.api.objects.get = found;
      await periodic.api.app.request('/dataexport/disable?deleteSettings=true', {
        method: 'POST',
        headers: periodic.tenant.headers,
      });
      return manifest;
    };
    expect(await codeOf(periodic.get('download?file=user&fileType=csv&sealed=true'))).toEqual([404, 'not_enabled']);
  });
});
