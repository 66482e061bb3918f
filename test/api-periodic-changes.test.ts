import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { generateKey } from '../streams/age/keys.ts';
import { codeOf, openPeriodic, type PeriodicApi } from './api-periodic-set-up.ts';
import { post, type StartedApi, startApi } from './api-set-up.ts';
import { generationPrefix, periodicPrefix, periodicScheduleId } from './keys.ts';
import { publishSealed } from './sealed-generation.ts';

let started: StartedApi;
let periodic: PeriodicApi;

beforeAll(async () => {
  started = await startApi();
});
afterAll(() => started.stop());
beforeEach(async () => {
  periodic = await openPeriodic(started);
});

describe('rotating', () => {
  test('replaces the key; what the old one opens is gone at once, and a run begins', async () => {
    const first = await periodic.keyOf('enable');
    const { runId: generationId } = await publishSealed(started, periodic.api, periodic.tenant.key);
    const run = await periodic.begin();
    periodic.api.objects.stored.set(
      `${generationPrefix(periodic.tenant.key, run.runId)}user-a-1.csv.age`,
      Buffer.from('x'),
    );
    const second = await periodic.keyOf('rotate');
    expect(second).toEqual({ enabled: true, privateKey: expect.any(String), recipient: expect.any(String) });
    expect(second.recipient).not.toBe(first.recipient);
    expect(periodic.storedKeys()).toEqual([]);
    expect(await periodic.settings()).toMatchObject({ enabled: true, recipient: second.recipient, currentRunId: null });
    expect(await started.ledger.runs.find(generationId)).toMatchObject({
      state: 'completed',
      removedAt: expect.any(Date),
    });
    const id = periodicScheduleId(periodic.tenant.key);
    expect(periodic.api.temporal.triggered).toEqual([id, id]);
  });

  test('to a recipient of the tenant’s own, or a post-quantum key', async () => {
    await periodic.keyOf('enable');
    const own = await generateKey({ postQuantum: false });
    expect(await periodic.keyOf('rotate', { recipient: own.recipient })).toMatchObject({
      privateKey: null,
      recipient: own.recipient,
      hint: expect.any(String),
    });
    expect((await periodic.keyOf('rotate', { postQuantum: true })).privateKey).toMatch(/^AGE-SECRET-KEY-PQ-1/);
  });

  test('never loses the key: Temporal and the object store may be away', async () => {
    const { recipient } = await periodic.keyOf('enable');
    await publishSealed(started, periodic.api, periodic.tenant.key);
    periodic.api.temporal.away.add('all');
    periodic.api.objects.away = true;
    const answer = await periodic.keyOf('rotate');
    expect(answer.privateKey).toMatch(/^AGE-SECRET-KEY-1/);
    expect(answer.recipient).not.toBe(recipient);
    expect(answer.hint).toMatch(/next nightly run.*removed as soon as/);
    expect((await periodic.settings())?.recipient).toBe(answer.recipient);
  });

  test('is refused where nothing is enabled', async () => {
    expect(await codeOf(periodic.send('rotate'))).toEqual([404, 'not_enabled']);
    await periodic.keyOf('enable');
    await periodic.send('disable');
    expect(await codeOf(periodic.send('rotate'))).toEqual([404, 'not_enabled']);
  });
});

describe('disabling', () => {
  const disable = async (query = '') => {
    const answer = await periodic.send(`disable${query}`);
    expect([answer.status, await answer.json()]).toEqual([200, { enabled: false }]);
  };

  test('is 200 also where nothing was enabled', async () => {
    for (const query of ['', '?deleteSettings=false', '?deleteSettings=', '?deleteSettings=true']) await disable(query);
    expect(await periodic.settings()).toBeUndefined();
  });

  test('takes the schedule away and cancels the run; files and recipient stay', async () => {
    const { recipient } = await periodic.keyOf('enable');
    const { runId: generationId } = await publishSealed(started, periodic.api, periodic.tenant.key);
    const run = await periodic.begin();
    const files = periodic.storedKeys();
    await disable();
    expect(periodic.api.temporal.scheduled.size).toBe(0);
    expect(periodic.api.temporal.cancelled).toEqual([run.runId]);
    expect(periodic.storedKeys()).toEqual(files);
    expect(await periodic.settings()).toMatchObject({ enabled: false, recipient, currentRunId: generationId });
  });

  test('does not wait for a run that takes long', async () => {
    await periodic.keyOf('enable');
    periodic.api.temporal.busy.add((await periodic.begin()).runId);
    await disable();
  });

  test('counts in the ledger while Temporal is away, and goes on when it is repeated', async () => {
    await periodic.keyOf('enable');
    periodic.api.temporal.away.add('all');
    expect(await codeOf(periodic.send('disable'))).toEqual([503, 'temporal_unavailable']);
    expect((await periodic.settings())?.enabled).toBe(false);
    periodic.api.temporal.away.clear();
    await disable();
    expect(periodic.api.temporal.scheduled.size).toBe(0);
  });

  describe('with deleteSettings', () => {
    test.each(['true', 'TRUE', '1'])('%s leaves nothing when it answers', async (flag) => {
      await periodic.keyOf('enable');
      await publishSealed(started, periodic.api, periodic.tenant.key);
      const { runId: generationId } = await publishSealed(started, periodic.api, periodic.tenant.key);
      const run = await periodic.begin();
      const prefix = generationPrefix(periodic.tenant.key, run.runId);
      periodic.api.objects.stored.set(`${prefix}user-a-1.csv.age`, Buffer.from('half'));
      periodic.api.objects.stored.set(
        `${periodicPrefix(periodic.tenant.key)}lost-by-the-ledger/user.csv.age`,
        Buffer.from('stray'),
      );
      await disable(`?deleteSettings=${flag}`);
      expect(periodic.storedKeys()).toEqual([]);
      expect(periodic.api.temporal.cancelled).toEqual([run.runId]);
      expect(periodic.api.temporal.scheduled.size).toBe(0);
      expect(await periodic.settings()).toMatchObject({ enabled: false, recipient: null, currentRunId: null });
      expect(await started.ledger.runs.find(generationId)).toMatchObject({
        state: 'completed',
        removedAt: expect.any(Date),
      });
      expect(await started.ledger.runs.find(run.runId)).toMatchObject({ state: 'cancelled' });
    });

    test('leaves other tenants alone', async () => {
      const other = await started.addTenant();
      await periodic.api.app.request('/dataexport/enable', post(other.headers, {}));
      await publishSealed(started, periodic.api, other.key);
      await periodic.keyOf('enable');
      await disable('?deleteSettings=true');
      expect(periodic.storedKeys(other.key).length).toBeGreaterThan(0);
      expect(await started.ledger.standingOrders.find(other.key, 'periodic')).toMatchObject({ enabled: true });
    });

    test('a run that does not end in time: 503, the key is void all the same, and repeating goes on', async () => {
      await periodic.keyOf('enable');
      await publishSealed(started, periodic.api, periodic.tenant.key);
      const run = await periodic.begin();
      periodic.api.temporal.busy.add(run.runId);
      for (let time = 0; time < 2; time += 1) {
        const answer = await periodic.send('disable?deleteSettings=true');
        expect(answer.headers.get('retry-after')).toBe('5');
        expect(await codeOf(answer)).toEqual([503, 'settings_busy']);
        expect(await periodic.settings()).toMatchObject({ enabled: false, recipient: null });
      }
      periodic.api.temporal.busy.clear();
      await disable('?deleteSettings=true');
      expect(periodic.storedKeys()).toEqual([]);
      expect(periodic.api.temporal.cancelled).toEqual([run.runId, run.runId, run.runId]);
    });

    test('goes on where the object store went away', async () => {
      await periodic.keyOf('enable');
      await publishSealed(started, periodic.api, periodic.tenant.key);
      periodic.api.objects.away = true;
      expect(await codeOf(periodic.send('disable?deleteSettings=true'))).toEqual([503, 'objects_unavailable']);
      periodic.api.objects.away = false;
      await disable('?deleteSettings=true');
      expect(periodic.storedKeys()).toEqual([]);
    });

    test('spares what somebody has enabled again meanwhile', async () => {
      await periodic.keyOf('enable');
      const { runId: old } = await publishSealed(started, periodic.api, periodic.tenant.key);
      let fresh = '';
      periodic.api.temporal.onApply = async () => {
        periodic.api.temporal.onApply = async () => undefined;
        await periodic.keyOf('enable');
        fresh = (await publishSealed(started, periodic.api, periodic.tenant.key)).runId;
      };
      await disable('?deleteSettings=true');
      const prefixes = new Set(periodic.storedKeys().map((key) => key.split('/')[2]));
      expect([...prefixes]).toEqual([fresh]);
      expect(fresh).not.toBe(old);
      expect(await periodic.settings()).toMatchObject({ enabled: true, currentRunId: fresh });
      expect(periodic.api.temporal.scheduled.has(periodicScheduleId(periodic.tenant.key))).toBe(true);
    });
  });

  test('a flag that is none is told what would be', async () => {
    await periodic.keyOf('enable');
    const answer = await periodic.send('disable?deleteSettings=maybe');
    expect(await answer.json()).toMatchObject({ code: 'invalid_field', allowed: ['true', 'false'] });
    const twice = await periodic.send('disable?deleteSettings=true&deleteSettings=true');
    expect(await codeOf(twice)).toEqual([400, 'invalid_field']);
    expect((await periodic.settings())?.enabled).toBe(true);
  });
});

describe('who may do what', () => {
  const CALLS = [
    ['POST', 'enable'],
    ['POST', 'rotate'],
    ['POST', 'disable'],
    ['POST', 'disable?deleteSettings=true'],
    ['GET', ''],
    ['GET', 'download?file=user&fileType=csv'],
    ['GET', 'downloadAll?fileType=csv'],
  ] as const;
  const call = (method: string, path: string, headers: Record<string, string>) =>
    periodic.api.app.request(`/dataexport${path && `/${path}`}`, { method, headers });

  test('a credential that may only read changes nothing', async () => {
    const reader = await started.addCredential(periodic.tenant.key, ['read']);
    await periodic.keyOf('enable');
    for (const [method, path] of CALLS) {
      const { status } = await call(method, path, reader.headers);
      expect([path, status === 403]).toEqual([path, method === 'POST']);
    }
    expect((await periodic.settings())?.enabled).toBe(true);
  });

  test('without a credential it is 401', async () => {
    for (const [method, path] of CALLS) expect((await call(method, path, {})).status).toBe(401);
  });

  test('the organisation is the tenant’s own, in any case, or it is 404', async () => {
    for (const [method, path] of CALLS) {
      const target = (name: string) => `${path}${path.includes('?') ? '&' : '?'}organisation=${name}`;
      const foreign = await call(method, target('somebody-else'), periodic.tenant.headers);
      expect([path, await codeOf(foreign)]).toEqual([path, [404, 'foreign_organisation']]);
      const twice = await call(
        method,
        target(`${periodic.tenant.key}&organisation=${periodic.tenant.key}`),
        periodic.tenant.headers,
      );
      expect([path, await codeOf(twice)]).toEqual([path, [400, 'invalid_field']]);
      const own = await call(method, target(periodic.tenant.key.toUpperCase()), periodic.tenant.headers);
      expect([path, (await own.text()).includes('foreign_organisation')]).toEqual([path, false]);
    }
  });

  test('the paths also exist under the alias, and with doubled slashes', async () => {
    for (const path of ['/tp-api/dataexport', '//dataexport//', '/tp-api//dataexport']) {
      expect((await periodic.api.app.request(path, { headers: periodic.tenant.headers })).status).toBe(200);
    }
    expect(
      (await periodic.api.app.request('/dataexport/enable', { headers: periodic.tenant.headers })).headers.get('allow'),
    ).toBe('POST');
  });
});
