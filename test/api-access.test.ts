import { createServer } from 'node:http';
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { encodeJobId } from '../contracts/job-id.ts';
import { PRIORITIES } from '../contracts/task-queues.ts';
import { answerOf, BODY, basic, type ComposedApi, post, type StartedApi, startApi } from './api-set-up.ts';

let started: StartedApi;
let api: ComposedApi;
let tenant: Awaited<ReturnType<StartedApi['addTenant']>>;

beforeAll(async () => {
  started = await startApi();
});
afterAll(() => started.stop());
beforeEach(async () => {
  api = started.compose();
  tenant = await started.addTenant();
});
afterEach(() => {
  started.time.offsetMs = 0;
  vi.useRealTimers();
});

const list = (headers: Readonly<Record<string, string>>) => api.app.request('/exports', { headers });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

function token(fields: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>> = {}) {
  return api.app.request('/oauth/token', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(fields).toString(),
  });
}
const grant = (more: Readonly<Record<string, string>> = {}) => ({
  grant_type: 'client_credentials',
  client_id: tenant.clientId,
  client_secret: tenant.secret,
  ...more,
});

describe('credentials', () => {
  test('every way to present them works', async () => {
    const { clientId, secret } = tenant;
    const pair = `${clientId}:${secret}`;
    const ways = [
      { authorization: basic(clientId, secret) },
      { authorization: basic(clientId, secret).replace('Basic', 'bAsIc') },
      bearer(secret),
      bearer(pair),
      { 'api-key': secret },
      { 'api-key': pair },
    ];
    for (const headers of ways) expect([headers, (await list(headers)).status]).toEqual([headers, 200]);
  });

  test.each([
    ['none', {}],
    ['an unknown key', { 'api-key': 'x'.repeat(32) }],
    ['an empty key', { 'api-key': '' }],
    ['another scheme', { authorization: 'Digest abc' }],
    ['no base64', { authorization: 'Basic !!!' }],
    ['no colon', { authorization: `Basic ${Buffer.from('abc').toString('base64')}` }],
    ['no UTF-8', { authorization: `Basic ${Buffer.from([0xff, 0x3a, 0xff]).toString('base64')}` }],
    ['no secret', { authorization: basic('acme', '') }],
    ['a token of nobody', bearer('e30.e30.e30')],
    ['a token without a signature', bearer(`${btoa('{"alg":"none"}')}.${btoa('{"iss":"waybill"}')}.`)],
  ])('%s: 401 with both challenges', async (_name, headers) => {
    const response = await list(headers as Record<string, string>);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe(
      'Bearer realm="waybill", Basic realm="waybill", charset="UTF-8"',
    );
    expect((await answerOf(response)).code).toBe('unauthenticated');
  });

  test('a wrong secret is refused, audited, and in no log', async () => {
    const secret = 'a-wrong-secret-of-somebody';
    expect((await list({ authorization: basic(tenant.clientId, secret) })).status).toBe(401);
    const [entry] = await started.ledger.audit.list(null, 1);
    expect(entry).toMatchObject({ action: 'login.failed', detail: { clientId: tenant.clientId } });
    const logged = started.logged.join('');
    expect(logged + JSON.stringify(entry)).not.toContain(secret);
    expect(logged).not.toContain(tenant.secret);
  });

  test('a disabled credential and one of a disabled tenant are void at once', async () => {
    const other = await started.addCredential(tenant.key, ['read']);
    expect((await list(other.headers)).status).toBe(200);
    await started.ledger.credentials.disable(other.clientId);
    expect((await list(other.headers)).status).toBe(401);
    expect((await list(tenant.headers)).status).toBe(200);
    await started.ledger.tenants.disable(tenant.key);
    expect((await list(tenant.headers)).status).toBe(401);
  });

  test('one that may only read cannot start, resubmit, delete or revoke', async () => {
    const reader = await started.addCredential(tenant.key, ['read']);
    const created = await answerOf(await api.app.request('/exports', post(tenant.headers, BODY)));
    const id = encodeURIComponent(created.job.id);
    const calls = [
      ['POST', '/exports'],
      ['POST', `/exports/${id}/resubmit`],
      ['DELETE', `/exports/${id}`],
      ['DELETE', `/exports/${id}/links`],
    ] as const;
    for (const [method, path] of calls) {
      const response = await api.app.request(path, { ...post(reader.headers, BODY), method });
      expect([method, path, response.status]).toEqual([method, path, 403]);
      expect(response.headers.get('www-authenticate')).toContain('insufficient_scope');
    }
    expect((await api.app.request(`/exports/${id}`, { headers: reader.headers })).status).toBe(200);
  });
});

describe('another tenant', () => {
  test('sees nothing, whatever the spelling of the id', async () => {
    const other = await started.addTenant();
    const { job } = await answerOf(await api.app.request('/exports', post(tenant.headers, BODY)));
    const [workflowId = '', runId = ''] = JSON.parse(atob(job.id)) as string[];
    const forged = workflowId.replace(tenant.key, other.key);
    const ids = [
      job.id,
      runId,
      runId.toUpperCase(),
      encodeJobId({ workflowId: forged, runId }),
      Buffer.from(JSON.stringify([workflowId, runId])).toString('base64url'),
    ];
    for (const id of ids) {
      for (const path of ['', '/file', '/manifest', '/events', '/links', '/resubmit']) {
        const method = path === '/links' ? 'DELETE' : path === '/resubmit' ? 'POST' : 'GET';
        const url = `/exports/${encodeURIComponent(id)}${path}`;
        expect([url, (await api.app.request(url, { method, headers: other.headers })).status]).toEqual([url, 404]);
      }
      const byQuery = await api.app.request(`/exports?id=${encodeURIComponent(id)}`, { headers: other.headers });
      expect(byQuery.status).toBe(404);
      const removed = await api.app.request(`/exports/${encodeURIComponent(id)}`, {
        method: 'DELETE',
        headers: other.headers,
      });
      expect(removed.status).toBe(404);
    }
    expect((await answerOf(await list(other.headers))).items).toEqual([]);
    expect(api.temporal.cancelled.length).toBe(0);
  });

  test('a forged workflow id of one’s own export is not found either', async () => {
    const { job } = await answerOf(await api.app.request('/exports', post(tenant.headers, BODY)));
    const [workflowId = '', runId = ''] = JSON.parse(atob(job.id)) as string[];
    const id = encodeJobId({ workflowId: `${workflowId}x`, runId });
    expect((await api.app.request(`/exports?id=${encodeURIComponent(id)}`, { headers: tenant.headers })).status).toBe(
      404,
    );
    for (const spelling of [
      job.id,
      encodeURIComponent(job.id),
      job.id.replaceAll('=', ''),
      runId,
      runId.toUpperCase(),
    ]) {
      const response = await api.app.request(`/exports?id=${spelling}`, { headers: tenant.headers });
      expect([spelling, response.status]).toEqual([spelling, 200]);
    }
  });
});

describe('access tokens', () => {
  test.each([
    [undefined, 'read', 403],
    ['read', 'read', 403],
    ['write', 'write', 202],
    ['read write', 'read write', 202],
    ['everything', 'read write', 202],
  ])('scope %s grants %s', async (scope, granted, status) => {
    const response = await token(grant(scope === undefined ? {} : { scope }));
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const body = await answerOf(response);
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 600, scope: granted });
    expect((await api.app.request('/exports', post(bearer(body.access_token), BODY))).status).toBe(status);
    expect((await list(bearer(body.access_token))).status).toBe(200);
  });

  test('come by Basic, by JSON and by the alias too', async () => {
    const { clientId, secret } = tenant;
    const byBasic = await token({ grant_type: 'client_credentials' }, { authorization: basic(clientId, secret) });
    const byJson = await api.app.request('/v1/identity/oauth/token', post({}, grant()));
    const byAlias = await api.app.request('/tp-api/oauth/token', post({}, grant()));
    expect([byBasic.status, byJson.status, byAlias.status]).toEqual([200, 200, 200]);
    expect((await started.ledger.audit.list(tenant.key, 1))[0]).toMatchObject({ action: 'token.issued' });
  });

  test.each([
    ['no grant type', { grant_type: '' }, 400, 'unsupported_grant_type'],
    ['another grant type', { grant_type: 'password' }, 400, 'unsupported_grant_type'],
    ['an unknown scope', { scope: 'admin' }, 400, 'invalid_scope'],
    ['a wrong secret', { client_secret: 'wrong-wrong-wrong-wrong' }, 401, 'invalid_client'],
    ['an unknown client', { client_id: 'nobody' }, 401, 'invalid_client'],
    ['no secret', { client_secret: '' }, 401, 'invalid_client'],
  ])('%s', async (_name, more, status, error) => {
    const response = await token(grant(more as unknown as Record<string, string>));
    expect([response.status, await response.json()]).toEqual([
      status,
      { error, error_description: expect.any(String) },
    ]);
    expect(response.headers.has('www-authenticate')).toBe(status === 401);
  });

  test('a scope beyond the credential’s is refused', async () => {
    const reader = await started.addCredential(tenant.key, ['read']);
    const response = await token(
      grant({ client_id: reader.clientId, client_secret: reader.secret, scope: 'everything' }),
    );
    expect(await response.json()).toMatchObject({ error: 'invalid_scope' });
  });

  test('a field twice, two ways at once, and a body that is neither are refused', async () => {
    const twice = await api.app.request('/oauth/token', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `${new URLSearchParams(grant())}&scope=read&scope=write`,
    });
    const both = await token(grant(), { authorization: basic(tenant.clientId, tenant.secret) });
    const text = await token(grant(), { 'content-type': 'text/plain' });
    const broken = await api.app.request('/oauth/token', post({}, '{'));
    for (const response of [twice, both, text, broken]) {
      expect([response.status, await response.json()]).toMatchObject([400, { error: 'invalid_request' }]);
    }
  });

  test('are void after their time, and once the credential is rotated or disabled', async () => {
    const issue = async () => (await answerOf(await token(grant()))).access_token;
    const expiring = await issue();
    started.time.offsetMs = 601_000;
    expect((await list(bearer(expiring))).status).toBe(401);
    started.time.offsetMs = 0;

    const before = await issue();
    await started.ledger.credentials.rotate(tenant.clientId, 'the-next-secret-of-it');
    expect((await list(bearer(before))).status).toBe(401);
    const after = await answerOf(await token(grant({ client_secret: 'the-next-secret-of-it' })));
    expect((await list(bearer(after.access_token))).status).toBe(200);
    await started.ledger.credentials.disable(tenant.clientId);
    expect((await list(bearer(after.access_token))).status).toBe(401);
  });

  test('signed with another secret are forged', async () => {
    const other = started.compose({ WAYBILL_TOKEN_SECRET: 'another secret, just as long as it' });
    const response = await other.app.request('/oauth/token', post({}, grant({ scope: 'everything' })));
    expect((await list(bearer((await answerOf(response)).access_token))).status).toBe(401);
  });
});

describe('limits', () => {
  test('requests of a tenant: headers, then 429 with Retry-After, and time gives them back', async () => {
    api = started.compose({ WAYBILL_TENANT_REQUESTS_MAX: 3 });
    const statuses = [];
    for (let index = 0; index < 4; index += 1) statuses.push((await list(tenant.headers)).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    const refused = await list(tenant.headers);
    expect(refused.headers.get('ratelimit-policy')).toBe('"tenant";q=3;w=60');
    expect(refused.headers.get('ratelimit')).toMatch(/^"tenant";r=0;t=\d+$/);
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(0);
    expect((await answerOf(refused)).code).toBe('rate_limited');
    const other = await started.addTenant();
    expect((await list(other.headers)).status).toBe(200);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + seconds * 1000 });
    expect((await list(tenant.headers)).status).toBe(200);
  });

  test('running exports of a tenant; a duplicate of a running one does not count', async () => {
    api = started.compose({ WAYBILL_TENANT_EXPORTS_MAX: 2 });
    const send = (startDate: string) => api.app.request('/exports', post(tenant.headers, { ...BODY, startDate }));
    const first = await answerOf(await send('2001-01-01'));
    expect((await send('2002-01-01')).status).toBe(202);
    const refused = await send('2003-01-01');
    expect([refused.status, (await answerOf(refused)).code]).toEqual([429, 'too_many_exports']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    const again = await send('2001-01-01');
    expect([again.status, (await answerOf(again)).job.id]).toEqual([202, first.job.id]);
    await started.ledger.tenants.setLimits(tenant.key, { exportsMax: 3, requestsMax: null });
    expect((await send('2003-01-01')).status).toBe(202);
  });

  test('let the orders of a tenant that has four under way queue behind those of others', async () => {
    const other = await started.addTenant();
    const priorityOfOrder = async ({ headers }: typeof tenant, year: number) => {
      const response = await api.app.request('/exports', post(headers, { ...BODY, startDate: `${year}-01-01` }));
      const [, runId = ''] = JSON.parse(atob((await answerOf(response)).job.id)) as string[];
      return api.temporal.priorities.get(runId);
    };
    const priorities: unknown[] = [];
    for (const year of [2001, 2002, 2003, 2004, 2005, 2006]) priorities.push(await priorityOfOrder(tenant, year));
    const { interactive, queued } = PRIORITIES;
    expect(priorities).toEqual([interactive, interactive, interactive, interactive, queued, queued]);
    expect(await priorityOfOrder(other, 2001)).toBe(interactive);
  });

  test('hold when all requests come at once', async () => {
    api = started.compose({ WAYBILL_TENANT_EXPORTS_MAX: 5 });
    const years = Array.from({ length: 20 }, (_, index) => `19${70 + index}-01-01`);
    const responses = await Promise.all(
      years.map((startDate) => api.app.request('/exports', post(tenant.headers, { ...BODY, startDate }))),
    );
    expect(responses.filter(({ status }) => status === 202).length).toBeLessThanOrEqual(5);
    expect(await started.ledger.runs.countActive(tenant.key, 'on-demand')).toBeLessThanOrEqual(5);
  });
});

describe('tokens of an outside issuer', () => {
  async function startIssuer() {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] };
    const state = { broken: false };
    const server = createServer((_request, response) => {
      response.writeHead(state.broken ? 500 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(keys));
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const at = server.address();
    const origin = `http://127.0.0.1:${typeof at === 'object' ? at?.port : 0}`;
    const issuer = {
      issuer: origin,
      jwksUrl: `${origin}/keys`,
      audience: 'exports',
      tenantClaim: 'org',
      scopeClaim: 'scp',
    };
    const sign = (claims: Readonly<Record<string, unknown>>, more: { key?: CryptoKey; alg?: string } = {}) =>
      new SignJWT({
        iss: origin,
        aud: 'exports',
        sub: 'robot',
        org: tenant.key,
        scp: 'read',
        exp: Date.now() / 1000 + 60,
        ...claims,
      })
        .setProtectedHeader({ alg: more.alg ?? 'ES256', kid: 'one' })
        .sign(more.key ?? privateKey);
    const close = () => new Promise((resolve) => server.close(resolve));
    return { issuer, sign, state, close };
  }

  test('prove a tenant by its claim, and nothing else does', async () => {
    const { issuer, sign, close } = await startIssuer();
    api = started.compose({ WAYBILL_TOKEN_ISSUERS: [issuer] });
    const status = async (value: string | Promise<string>) => (await list(bearer(await value))).status;
    expect(await status(sign({}))).toBe(200);
    expect((await api.app.request('/exports', post(bearer(await sign({})), BODY))).status).toBe(403);
    const writes = [{ scp: 'openid write' }, { scp: ['everything'] }];
    for (const claims of writes) {
      expect((await api.app.request('/exports', post(bearer(await sign(claims)), BODY))).status).toBe(202);
    }
    expect((await started.ledger.audit.list(tenant.key, 1))[0]?.actor).toBe('token:robot');

    for (const scp of [undefined, '', 'openid profile', 7, [7], ['openid']]) {
      const response = await list(bearer(await sign({ scp })));
      expect([scp, response.status, (await answerOf(response)).code]).toEqual([scp, 403, 'insufficient_scope']);
    }
    expect(await status(sign({ sub: undefined }))).toBe(200);

    const past = Date.now() / 1000 - 60;
    const stranger = await generateKeyPair('ES256');
    const wrong = [
      { aud: 'another' },
      { iss: 'https://elsewhere.test' },
      { exp: past },
      { exp: undefined },
      { nbf: Date.now() / 1000 + 300 },
      { org: 'nobody' },
      { org: undefined },
      { org: 7 },
      { org: 'a\0b' },
      ...[7, null, ['robot'], { name: 'robot' }, '', 'a\0b', '\ud800'].map((sub) => ({ sub })),
    ];
    for (const claims of wrong) expect([claims, await status(sign(claims))]).toEqual([claims, 401]);
    expect(await status(sign({}, { key: stranger.privateKey }))).toBe(401);
    const symmetric = new SignJWT({ org: tenant.key, iss: issuer.issuer, aud: 'exports', exp: Date.now() / 1000 + 60 });
    expect(await status(symmetric.setProtectedHeader({ alg: 'HS256' }).sign(new Uint8Array(32)))).toBe(401);
    await close();
  });

  test('when its keys cannot be had, that is told: 503', async () => {
    const { issuer, sign, state, close } = await startIssuer();
    api = started.compose({ WAYBILL_TOKEN_ISSUERS: [issuer] });
    state.broken = true;
    const response = await list(bearer(await sign({})));
    expect([response.status, (await answerOf(response)).code]).toEqual([503, 'issuer_unavailable']);
    await close();
    const gone = await list(bearer(await sign({})));
    expect(gone.status).toBe(503);
  });
});
