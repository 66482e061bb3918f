import { randomInt, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ApiServer } from '../api/server.ts';
import {
  answerOf,
  BODY,
  basic,
  type ComposedApi,
  finishExport,
  post,
  type StartedApi,
  startApi,
} from './api-set-up.ts';

let started: StartedApi;
let tenant: Awaited<ReturnType<StartedApi['addTenant']>>;
/** A client address that no other test uses. */
let address: string;
const servers: ApiServer[] = [];

beforeAll(async () => {
  started = await startApi();
});
afterAll(() => started.stop());
beforeEach(async () => {
  tenant = await started.addTenant();
  address = `2001:db8:${randomInt(1, 65_536).toString(16)}:${randomInt(1, 65_536).toString(16)}::1`;
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close(0)));
});

/** An API that listens behind a proxy on the loopback. */
async function serve(failuresMax: number, url = started.url) {
  const api = started.compose({ WAYBILL_TRUSTED_PROXIES: ['127.0.0.1'] }, undefined, { failuresMax, url });
  const server = await api.serve();
  servers.push(server);
  const send = (path: string, init: RequestInit = {}) => {
    const headers = { 'x-forwarded-for': address, ...(init.headers as Record<string, string>) };
    return fetch(`http://127.0.0.1:${server.port}${path}`, { ...init, headers });
  };
  const list = (headers: Readonly<Record<string, string>>) => send('/exports', { headers });
  const status = async (headers: Readonly<Record<string, string>>) => (await list(headers)).status;
  return { api, send, list, status };
}

const wrong = () => ({ authorization: basic(`nobody-${randomUUID()}`, `wrong-${randomUUID()}`) });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const grant = () => ({
  grant_type: 'client_credentials',
  client_id: tenant.clientId,
  client_secret: tenant.secret,
});

async function fileLink(api: ComposedApi, send: (path: string, init?: RequestInit) => Promise<Response>) {
  const { job } = await answerOf(await send('/exports', post(tenant.headers, BODY)));
  const [, exportId = ''] = JSON.parse(atob(job.id)) as string[];
  const record = await started.ledger.runs.find(exportId);
  if (!record) throw new Error('the export is not in the ledger');
  await finishExport(started, api, record, [Buffer.from('id,name\n')]);
  const query = new URLSearchParams({ id: job.id });
  const { exportData } = await answerOf(await send(`/exports?${query}`, { headers: tenant.headers }));
  const { pathname, search } = new URL(exportData.downloadUrl);
  return pathname + search;
}

describe('a burst of wrong secrets', () => {
  test('is checked only up to the limit', async () => {
    const { list } = await serve(120);
    const answers = await Promise.all(Array.from({ length: 400 }, () => list(wrong())));
    const checked = answers.filter(({ status }) => status === 401);
    const refused = answers.filter(({ status }) => status === 429);
    expect(checked.length).toBeGreaterThan(0);
    expect(checked.length).toBeLessThanOrEqual(120);
    expect(checked.length + refused.length).toBe(400);
    for (const { headers } of refused) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('does not delay another caller’s token', async () => {
    const { send, list, status } = await serve(120);
    const { access_token: token } = await answerOf(await send('/oauth/token', post({}, grant())));
    expect(await status(bearer(token))).toBe(200);
    const answered: number[] = [];
    const burst = Array.from({ length: 300 }, async () => {
      answered.push(await status(wrong()));
    });
    await Promise.race(burst);
    const response = await list(bearer(token));
    const checkedMeanwhile = answered.filter((code) => code === 401).length;
    await Promise.all(burst);
    expect(response.status).toBe(200);
    const checked = answered.filter((code) => code === 401).length;
    expect(checkedMeanwhile).toBeLessThan(checked / 4);
  });
});

describe('the limit', () => {
  test('is shared by all processes with the same ledger', async () => {
    const [one, other] = [await serve(3), await serve(3)];
    expect([await one.status(wrong()), await other.status(wrong()), await one.status(wrong())]).toEqual([
      401, 401, 401,
    ]);
    expect([await other.status(wrong()), await one.status(wrong())]).toEqual([429, 429]);
  });

  test('is shared by requests and tokens, and covers a client id at many addresses', async () => {
    const { send, status } = await serve(3);
    const guess = { ...grant(), client_secret: 'a-wrong-secret-again' };
    const ways = [
      () => status({ authorization: basic(guess.client_id, guess.client_secret) }),
      () => status(bearer(`${guess.client_id}:${guess.client_secret}`)),
      async () => (await send('/oauth/token', post({}, guess))).status,
    ];
    const codes: number[] = [];
    for (const [index, way] of [...ways, ...ways].entries()) {
      address = `198.51.100.${index}`;
      codes.push(await way());
    }
    expect(codes).toEqual([401, 401, 401, 429, 429, 429]);
  });

  test('counts failures only', async () => {
    const { status } = await serve(3);
    for (let index = 0; index < 5; index += 1) {
      const { headers } = await started.addCredential(tenant.key, ['read']);
      expect(await status(headers)).toBe(200);
    }
    expect([await status(wrong()), await status(wrong()), await status(wrong())]).toEqual([401, 401, 401]);
    expect(await status(wrong())).toBe(429);
  });

  test('admits credentials that need no scrypt, and refuses others unchecked', async () => {
    const { api, send, list, status } = await serve(3);
    const link = await fileLink(api, send);
    const { access_token: token } = await answerOf(await send('/oauth/token', post({}, grant())));
    const forged = `${token.slice(0, -4)}AAAA`;
    const broken = link.replace(/signature=..../, 'signature=AAAA');
    expect([await status(bearer(forged)), (await send(broken)).status, await status(wrong())]).toEqual([401, 403, 401]);

    const stranger = await started.addTenant();
    const refused = await list(stranger.headers);
    expect([refused.status, (await answerOf(refused)).code]).toEqual([429, 'rate_limited']);
    expect([await status(bearer(forged)), (await send(broken)).status]).toEqual([429, 429]);
    const proven = [(await send(link)).status, await status(bearer(token)), await status(tenant.headers)];
    expect(proven).toEqual([200, 200, 200]);
    expect((await send('/oauth/token', post({}, grant()))).status).toBe(200);

    await started.ledger.credentials.disable(tenant.clientId);
    expect([await status(bearer(token)), await status(tenant.headers)]).toEqual([401, 429]);
  });

  test('applies per process while PostgreSQL does not respond', async () => {
    const before = started.logged.length;
    const { status } = await serve(3, 'postgres://waybill:waybill@127.0.0.1:1/nowhere');
    expect(await status(tenant.headers)).toBe(200);
    expect([await status(wrong()), await status(wrong()), await status(wrong())]).toEqual([401, 401, 401]);
    expect(await status(wrong())).toBe(429);
    expect(
      started.logged.slice(before).filter((line) => line.includes('counts failed log-ins by itself')),
    ).toHaveLength(1);
  });
});

describe('the address of a client', () => {
  const auditedAddress = async () => (await started.ledger.audit.list(null, 1))[0]?.detail.address;

  test('comes from a trusted proxy, and is counted by /64 for IPv6', async () => {
    const { status } = await serve(3);
    expect([await status(wrong()), await auditedAddress()]).toEqual([401, address]);
    const network = address.replace(/::1$/, '');
    for (const host of ['::2', ':0:1:2:3:4', '::']) {
      address = network + host;
      await status(wrong());
    }
    expect(await status(wrong())).toBe(429);
    address = `2001:db8:ffff:1::1`;
    expect(await status(wrong())).toBe(401);
  });

  test('is the peer’s if no proxy is trusted', async () => {
    const api = started.compose();
    const server = await api.serve();
    servers.push(server);
    const response = await fetch(`http://127.0.0.1:${server.port}/exports`, {
      headers: { ...wrong(), 'x-forwarded-for': '192.0.2.1' },
    });
    expect([response.status, await auditedAddress()]).toEqual([401, '127.0.0.1']);
  });
});
