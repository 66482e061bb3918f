import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createCatalog } from '../config/catalog.ts';
import { generateKey, recipientOf } from '../streams/age/keys.ts';
import { codeOf, openPeriodic, type PeriodicApi } from './api-periodic-set-up.ts';
import { type StartedApi, startApi } from './api-set-up.ts';
import { periodicScheduleId } from './keys.ts';
import { problemOf } from './periodic-client.ts';

let started: StartedApi;
let periodic: PeriodicApi;

beforeAll(async () => {
  started = await startApi();
});
afterAll(() => started.stop());
beforeEach(async () => {
  periodic = await openPeriodic(started);
});

describe('enabling', () => {
  test('makes a key that is in the answer and nowhere else, a schedule, and a run', async () => {
    const { privateKey, ...answer } = await periodic.keyOf('enable');
    expect(answer).toEqual({ enabled: true, recipient: await recipientOf(privateKey ?? '') });
    expect(privateKey).toMatch(/^AGE-SECRET-KEY-1[A-Z0-9]{58}$/);
    expect(await periodic.settings()).toMatchObject({ enabled: true, recipient: answer.recipient });
    expect([...periodic.api.temporal.scheduled.keys()]).toEqual([periodicScheduleId(periodic.tenant.key)]);
    expect(periodic.api.temporal.triggered).toEqual([periodicScheduleId(periodic.tenant.key)]);
    const trail = await started.ledger.audit.list(periodic.tenant.key, 10);
    expect(trail[0]).toMatchObject({ action: 'periodic.enabled', actor: periodic.tenant.clientId });
    const kept = JSON.stringify([
      await periodic.settings(),
      trail,
      [...periodic.api.temporal.scheduled],
      started.logged,
    ]);
    expect(kept).not.toContain((privateKey ?? '').slice(-40));
  });

  test.each(['', 'application/json', 'text/plain', 'application/x-www-form-urlencoded', 'a/b; charset=nonsense'])(
    'an empty body of type "%s" is no body',
    async (type) => {
      const headers = { ...periodic.tenant.headers, ...(type && { 'content-type': type }) };
      const answer = await periodic.api.app.request('/dataexport/enable', { method: 'POST', headers, body: '' });
      expect(answer.status).toBe(200);
    },
  );

  test('seals to the tenant’s own recipient, and makes no key then', async () => {
    const own = await generateKey({ postQuantum: false });
    expect(await periodic.keyOf('enable', { recipient: ` ${own.recipient}\n` })).toEqual({
      enabled: true,
      privateKey: null,
      recipient: own.recipient,
      hint: expect.stringContaining('your own recipient'),
    });
    expect(await periodic.settings()).toMatchObject({ recipient: own.recipient, ownRecipient: true });
  });

  test('makes a post-quantum key where that is asked for', async () => {
    const { privateKey, recipient } = await periodic.keyOf('enable', { postQuantum: true });
    expect(privateKey).toMatch(/^AGE-SECRET-KEY-PQ-1/);
    expect(recipient).toBe(await recipientOf(privateKey ?? ''));
    expect(recipient).toMatch(/^age1pq1/);
  });

  test('resumes after a plain disable under the same recipient', async () => {
    const { recipient } = await periodic.keyOf('enable');
    await periodic.send('disable');
    const resumed = await periodic.keyOf('enable', { postQuantum: true });
    expect(resumed).toEqual({ enabled: true, privateKey: null, recipient, hint: expect.stringContaining('rotate') });
    expect(periodic.api.temporal.triggered).toHaveLength(2);
  });

  test('takes the kept recipient again, and no other', async () => {
    const [own, other] = [await generateKey({ postQuantum: false }), await generateKey({ postQuantum: false })];
    await periodic.keyOf('enable', { recipient: own.recipient });
    await periodic.send('disable');
    expect(await codeOf(periodic.send('enable', { recipient: other.recipient }))).toEqual([409, 'recipient_kept']);
    expect((await periodic.settings())?.enabled).toBe(false);
    expect(await periodic.keyOf('enable', { recipient: own.recipient })).toMatchObject({ privateKey: null });
  });

  test('keeps of an old run time what is not said anew', async () => {
    await periodic.keyOf('enable', { at: '03:00', timeZone: 'Europe/Amsterdam' });
    await periodic.send('disable');
    await periodic.keyOf('enable');
    expect(await periodic.settings()).toMatchObject({ recurrence: { at: '03:00', timeZone: 'Europe/Amsterdam' } });
    await periodic.send('disable');
    await periodic.keyOf('enable', { at: '04:15' });
    expect(await periodic.settings()).toMatchObject({ recurrence: { at: '04:15', timeZone: 'Europe/Amsterdam' } });
  });

  test('twice is refused, also at the same time', async () => {
    const statuses = await Promise.all(['a', 'b', 'c'].map(async () => (await periodic.send('enable')).status));
    expect(statuses.toSorted()).toEqual([200, 409, 409]);
    expect(await codeOf(periodic.send('enable'))).toEqual([409, 'already_enabled']);
  });

  test('is not offered where the catalog has no periodic files', async () => {
    periodic = await openPeriodic(started, createCatalog([]));
    const answer = await periodic.send('enable');
    expect(await problemOf(answer)).toMatchObject({
      code: 'not_found',
      detail: expect.stringContaining('no periodic files'),
    });
    expect(await periodic.settings()).toBeUndefined();
  });
});

describe('a request for a key that is wrong is refused, and changes nothing', () => {
  test.each([
    ['an unknown field', { recipients: [] }, 'unknown_field', 'recipients'],
    ['a recipient that is none', { recipient: 'age1nonsense' }, 'invalid_recipient', 'recipient'],
    ['a private key', { recipient: 'AGE-SECRET-KEY-1QQQ' }, 'invalid_recipient', 'recipient'],
    ['a recipient that is no text', { recipient: 7 }, 'invalid_field', 'recipient'],
    ['a recipient without end', { recipient: 'a'.repeat(5000) }, 'invalid_field', 'recipient'],
    ['a wish that is no boolean', { postQuantum: 'yes' }, 'invalid_field', 'postQuantum'],
  ])('%s', async (_name, body, code, field) => {
    await periodic.keyOf('enable');
    await periodic.send('disable');
    const before = await periodic.settings();
    for (const path of ['enable', 'rotate']) {
      const answer = await periodic.send(path, body);
      expect([answer.status, await answer.json()]).toEqual([400, expect.objectContaining({ code, field })]);
    }
    expect(await periodic.settings()).toEqual(before);
  });

  test.each([
    ['no time of day', { at: '24:00' }, 'at'],
    ['no time zone', { timeZone: 'Mars/Olympus' }, 'timeZone'],
    ['a long time zone', { timeZone: 'E'.repeat(100_000) }, 'timeZone'],
  ])('%s', async (_name, body, field) => {
    const answer = await periodic.send('enable', body);
    // The largest is refused for its size alone.
    if (answer.status !== 413) expect(await answer.json()).toMatchObject({ code: 'invalid_field', field });
    expect(await periodic.settings()).toBeUndefined();
    expect(await codeOf(periodic.send('rotate', body))).toEqual(
      answer.status === 413 ? [413, 'body_too_large'] : [400, 'unknown_field'],
    );
  });

  test('all mistakes in the query come together, and then all in the body', async () => {
    const body = { at: '1:30', timeZone: '', more: 1 };
    const wrongFields = async (path: string) => {
      const { errors } = (await (await periodic.send(path, body)).json()) as { errors: { field: string }[] };
      return errors.map(({ field }) => field).toSorted();
    };
    expect(await wrongFields('enable?organisation=a&organisation=b')).toEqual(['organisation']);
    expect(await wrongFields('enable')).toEqual(['at', 'more', 'timeZone']);
  });

  test('a recipient and a wish for a key contradict each other', async () => {
    const { recipient } = await generateKey({ postQuantum: false });
    const answer = await periodic.send('enable', { recipient, postQuantum: true });
    expect(await answer.json()).toMatchObject({ code: 'invalid_field', field: 'postQuantum' });
    expect((await periodic.send('enable', { recipient, postQuantum: false })).status).toBe(200);
  });

  test.each([
    ['[]', 'application/json', 400, 'malformed_body'],
    ['null', 'application/json', 400, 'malformed_body'],
    ['{', 'application/json', 400, 'malformed_body'],
    ['{}', 'text/plain', 415, 'unsupported_media_type'],
    [' ', 'application/json', 400, 'malformed_body'],
  ])('body %s of type %s: %i %s', async (body, type, status, code) => {
    const headers = { ...periodic.tenant.headers, 'content-type': type };
    expect(await codeOf(periodic.api.app.request('/dataexport/enable', { method: 'POST', headers, body }))).toEqual([
      status,
      code,
    ]);
    expect(await periodic.settings()).toBeUndefined();
  });
});

describe('enabling while Temporal is away', () => {
  test('is refused before anything is changed', async () => {
    periodic.api.temporal.away.add('all');
    const answer = await periodic.send('enable');
    expect(answer.headers.get('retry-after')).toBe('5');
    expect(await codeOf(answer)).toEqual([503, 'temporal_unavailable']);
    expect(await periodic.settings()).toBeUndefined();
  });

  test('is undone when it goes just then: new settings are gone, resumed ones are off', async () => {
    periodic.api.temporal.away.add('applySchedule');
    expect(await codeOf(periodic.send('enable'))).toEqual([503, 'temporal_unavailable']);
    expect(await periodic.settings()).toMatchObject({ enabled: false, recipient: null });

    periodic.api.temporal.away.clear();
    const { recipient } = await periodic.keyOf('enable');
    await periodic.send('disable');
    periodic.api.temporal.away.add('applySchedule');
    expect(await codeOf(periodic.send('enable'))).toEqual([503, 'temporal_unavailable']);
    expect(await periodic.settings()).toMatchObject({ enabled: false, recipient });
  });

  test('goes through with its key when only the first run cannot be started', async () => {
    periodic.api.temporal.away.add('trigger');
    const { privateKey, hint } = await periodic.keyOf('enable');
    expect([privateKey, hint]).toEqual([expect.any(String), expect.stringContaining('next nightly run')]);
    expect((await periodic.settings())?.enabled).toBe(true);
  });
});
