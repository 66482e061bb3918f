import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadCatalog } from '../config/catalog.ts';
import type { Catalog } from '../config/dataset.ts';
import { type ComposedApi, post, type StartedApi, startApi } from './api-set-up.ts';

/** The entities of the published contract. Source: its schema, in its order. */
const ENTITIES = [
  ...['user', 'user logins', 'site', 'site category', 'content', 'comment', 'feed', 'file', 'interaction'],
  ...['must reads', 'theme', 'section instance', 'newsletter', 'newsletter interaction', 'newsletter category'],
  ...['survey response', 'survey recipient', 'survey instance', 'survey instance question'],
  ...['survey question bank', 'survey question answer bank', 'sentiment check configuration'],
  ...['sentiment check response', 'awareness check question', 'awareness check option', 'awareness check response'],
];

let started: StartedApi;
let catalog: Catalog;
let api: ComposedApi;

beforeAll(async () => {
  started = await startApi();
  catalog = await loadCatalog(fileURLToPath(new URL('../catalogs/sample', import.meta.url)));
  api = started.compose({}, catalog);
});
afterAll(() => started.stop());

interface Item {
  readonly entity: string;
  readonly is_active: boolean;
  readonly columns_list: readonly string[];
  readonly [name: string]: unknown;
}

async function openTenant(scopes?: Parameters<StartedApi['addTenant']>[0]) {
  const tenant = await started.addTenant(scopes);
  const call = async (method: 'GET' | 'POST', path: string, body?: unknown) => {
    const options = method === 'POST' ? post(tenant.headers, body) : { headers: tenant.headers };
    const response = await api.app.request(path, options);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const items = async (query = '') => {
    const { body } = await call('GET', `/export${query}`);
    return (body.result as { listOfItems: readonly Item[] }).listOfItems;
  };
  return {
    tenant,
    call,
    items,
    schedule: () => api.temporal.scheduled.get(`recurring-export|tenantKey:${tenant.key}`),
  };
}

describe('POST /export', () => {
  test('registers entities by their display names, from an array or a text', async () => {
    const { tenant, call, items } = await openTenant();
    const wanted = {
      exportOption: 'export selected',
      entityList: ['user', 'content', 'user logins'],
      frequency: 'weekly',
    };
    expect(await call('POST', '/export', wanted)).toEqual({
      status: 201,
      body: {
        status: 'success',
        message: 'Registered for weekly exports: user, content, user logins.',
        result: {
          tenant_code: tenant.key,
          entities: ['user', 'content', 'user logins'],
          count: 3,
          grouped_by: 'tenant_code',
          is_active: true,
          frequency: 'weekly',
          status: 'registered',
        },
      },
    });
    expect((await items()).map(({ entity }) => entity).toSorted()).toEqual(['content', 'user', 'user logins']);
    await call('POST', '/v1/b2b/analytics/export', { entityList: ' Must Reads,user , user' });
    expect((await items()).map(({ entity }) => entity).toSorted()).toEqual(['must reads', 'user']);
  });

  test('registers every entity of the contract with "export all", and ignores the list', async () => {
    const { call, items } = await openTenant();
    const { body } = await call('POST', '/export', { exportOption: 'export all', entityList: ['nonsense'] });
    expect(body.result).toMatchObject({ entities: ENTITIES, count: 26 });
    expect(await items()).toHaveLength(26);
  });

  test('replaces the whole configuration; what is left out becomes inactive and starts anew later', async () => {
    const { tenant, call, items } = await openTenant();
    await call('POST', '/export', { entityList: ['user', 'site'] });
    const before = await items();
    await call('POST', '/export', { entityList: ['site', 'feed'], frequency: 'monthly' });
    const all = await items('?includeInactive=true');
    expect(all.map(({ entity, is_active }) => [entity, is_active])).toEqual([
      ['feed', true],
      ['site', true],
      ['user', false],
    ]);
    expect(await items()).toHaveLength(2);
    // An entity that stays keeps the time of its registration.
    const site = all.find(({ entity }) => entity === 'site');
    expect(site).toMatchObject({ registered_at: before[0]?.registered_at, frequency: 'monthly' });
    expect(site).toMatchObject({ tenant_code: tenant.key, grouped_by: 'tenant_code', delivered_until: null });
    expect(site?.columns_list.slice(0, 3)).toEqual(['site_id', 'site_category_id', 'name']);
  });

  test('keeps one schedule: by frequency, time and time zone; none once it is disabled', async () => {
    const { call, items, schedule } = await openTenant();
    await call('POST', '/export', { entityList: ['user'] });
    expect(schedule()).toMatchObject({ recurrence: { every: 'day', at: '01:30' }, timeZone: 'UTC', jitterMinutes: 0 });
    const local = { at: '06:15', timeZone: 'Asia/Tokyo', jitterMinutes: 5 };
    await call('POST', '/export', { entityList: ['user'], frequency: 'weekly', ...local });
    expect(schedule()).toMatchObject({
      recurrence: { every: 'week', on: 'MONDAY', at: '06:15' },
      timeZone: 'Asia/Tokyo',
      jitterMinutes: 5,
    });
    await call('POST', '/export', { entityList: ['user'], frequency: 'monthly' });
    expect(schedule()).toMatchObject({ recurrence: { every: 'month', on: 1, at: '01:30' }, timeZone: 'UTC' });
    expect(await call('POST', '/export', { exportOption: 'disable export' })).toMatchObject({
      status: 201,
      body: { result: { entities: [], count: 0, is_active: false, status: 'disabled' } },
    });
    expect(schedule()).toBeUndefined();
    expect(await items()).toEqual([]);
    expect(await items('?includeInactive=true')).toMatchObject([{ entity: 'user', is_active: false }]);
  });

  test.each([
    [{}, 'entityList', /Name at least one entity/],
    [{ entityList: [] }, 'entityList', /Name at least one entity/],
    [{ entityList: ' , ' }, 'entityList', /Name at least one entity/],
    [{ entityList: ['usr'] }, 'entityList', /no entity "usr"; did you mean user\?/],
    [{ entityList: ['user_login_events'] }, 'entityList', /did you mean user logins\?/],
    [{ entityList: ['content_must_read_marked'] }, 'entityList', /did you mean must reads\?/],
    [{ entityList: ['user', 'xyzzy'] }, 'entityList', /no entity "xyzzy"\.$/],
    [{ entityList: [7] }, 'entityList', /Should be an array of names/],
    [{ exportOption: 'all' }, 'exportOption', /export all/],
    [{ entityList: ['user'], frequency: 'hourly' }, 'frequency', /daily, weekly, monthly/],
    [{ entityList: ['user'], frequency: 'Daily' }, 'frequency', /daily/],
    [{ entityList: ['user'], timeZone: 'Mars/Olympus' }, 'timeZone', /IANA/],
    [{ entityList: ['user'], at: '25:00' }, 'at', /time of day/],
    [{ entityList: ['user'], from: '2999-01-01' }, 'from', /in the past/],
    [{ entityList: ['user'], frequenzy: 'daily' }, 'frequenzy', /no field/],
  ])('refuses %j', async (body, field, message) => {
    const { call, items } = await openTenant();
    const answer = await call('POST', '/export', body);
    expect(answer).toMatchObject({ status: 400, body: { status: 'error', message: expect.any(String) } });
    const errors = answer.body.errors as readonly { field: string; message: string }[];
    expect(errors.map((error) => error.field)).toContain(field);
    expect(errors.find((error) => error.field === field)?.message).toMatch(message);
    expect(await items('?includeInactive=true')).toEqual([]);
  });

  test('answers a missing or weak credential as the contract does', async () => {
    const { call } = await openTenant(['read']);
    expect(await call('POST', '/export', { entityList: ['user'] })).toEqual({
      status: 403,
      body: { error_code: 2001, message: expect.any(String) },
    });
    expect(await call('GET', '/export')).toMatchObject({ status: 200 });
    const anonymous = await api.app.request('/export');
    expect(anonymous.status).toBe(401);
    expect(anonymous.headers.get('www-authenticate')).toContain('Bearer');
    expect(await anonymous.json()).toEqual({ message: expect.any(String) });
  });

  test('changes nothing while Temporal is away', async () => {
    const { call, items } = await openTenant();
    api.temporal.away.add('all');
    try {
      expect(await call('POST', '/export', { entityList: ['user'] })).toMatchObject({
        status: 503,
        body: { status: 'error', code: 'temporal_unavailable', errors: [] },
      });
    } finally {
      api.temporal.away.delete('all');
    }
    expect(await items('?includeInactive=true')).toEqual([]);
  });
});

describe('POST /export/full-load', () => {
  test('queues registered entities', async () => {
    const { call, items } = await openTenant();
    expect(await call('POST', '/export/full-load', { entityList: ['user'] })).toMatchObject({ status: 404 });
    await call('POST', '/export', { entityList: ['user', 'site'] });
    expect(await call('POST', '/v1/b2b/analytics/export-full-load', { entityList: ['user'] })).toEqual({
      status: 200,
      body: {
        status: 'success',
        message: 'The next run loads them completely: user.',
        result: { entities: ['user'], count: 1, status: 'full_load_queued' },
      },
    });
    expect(await call('POST', '/export/full-load', { exportOption: 'export all' })).toMatchObject({
      body: { result: { count: 2 } },
    });
    expect(await call('POST', '/export/full-load', { entityList: ['feed'] })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'entityList', message: 'entityList: feed is not registered.' }] },
    });
    expect(await items()).toMatchObject([{ full_load_queued: true }, { full_load_queued: true }]);
  });
});

describe('/export/runs', () => {
  test('needs a registration, and a day that is delivered', async () => {
    const { call } = await openTenant();
    expect(await call('POST', '/export/runs', {})).toMatchObject({ status: 400, body: { status: 'error' } });
    await call('POST', '/export', { entityList: ['user'] });
    expect(await call('POST', '/export/runs', { day: '2026-11-20' })).toMatchObject({ status: 404 });
    expect(await call('POST', '/export/runs', { day: '2026-11-32' })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'day' }] },
    });
    expect(await call('POST', '/export/runs')).toMatchObject({ status: 202, body: { result: { day: null } } });
    expect(await call('GET', '/export/runs')).toMatchObject({
      status: 200,
      body: { result: { nextPageToken: '', listOfItems: [] } },
    });
    expect(await call('GET', '/export/runs?pageToken=nonsense')).toMatchObject({ status: 400 });
  });
});
