import { request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ApiServer } from '../api/server.ts';
import { answerOf, BODY, type ComposedApi, post, type StartedApi, startApi } from './api-set-up.ts';
import { closeAtEnd } from './cleanup.ts';

let started: StartedApi;
let api: ComposedApi;
let tenant: Awaited<ReturnType<StartedApi['addTenant']>>;

beforeAll(async () => {
  started = await startApi();
});
afterAll(() => started.stop());
beforeEach(async () => {
  api = started.compose({ WAYBILL_BODY_BYTES_MAX: 262_144 });
  tenant = await started.addTenant();
});

describe('a body full of errors', () => {
  it.each([
    { what: 'columns', body: { ...BODY, columns: Array.from({ length: 60_000 }, () => 'x') } },
    { what: 'other columns', body: { ...BODY, columns: ['a', 'b'] } },
    {
      what: 'fields',
      body: { ...BODY, ...Object.fromEntries(Array.from({ length: 18_000 }, (_, i) => [`f${i}`, 1])) },
    },
  ])('$what is answered with few of them, and lists accepted values once', async ({ body }) => {
    const response = await api.app.request('/exports', post(tenant.headers, body));
    const text = await response.text();
    expect(response.status).toBe(400);
    expect(text.length).toBeLessThan(10_000);
    const { errors, detail } = JSON.parse(text) as { errors: { allowed?: string[] }[]; detail: string };
    expect(errors.length).toBeLessThanOrEqual(20);
    expect(errors.filter(({ allowed }) => allowed).length).toBeLessThanOrEqual(1);
    if (Object.keys(body).length > 1000) expect(detail).toContain('There are 17980 more errors.');
  });
});

describe('a page of another origin', () => {
  const CHANGES = [
    ['POST', '/dataexport/disable?deleteSettings=true'],
    ['POST', '/dataexport/rotate'],
    ['POST', '/dataexport/enable'],
    ['POST', '/exports'],
    ['POST', '/exports/0b6b7229-1a2a-43c8-bc82-51782230b846/resubmit'],
    ['DELETE', '/exports/0b6b7229-1a2a-43c8-bc82-51782230b846'],
    ['DELETE', '/exports/0b6b7229-1a2a-43c8-bc82-51782230b846/links'],
  ] as const;

  it.each(CHANGES)('cannot make a browser send %s %s with the credentials that it knows', async (method, path) => {
    for (const headers of [
      { origin: 'https://evil.test' },
      { origin: 'null' },
      { origin: 'http://waybill.test.evil.test' },
      { origin: 'http://waybill.test:8080' },
      { 'sec-fetch-site': 'cross-site' },
      { origin: 'http://waybill.test', 'sec-fetch-site': 'cross-site' },
    ]) {
      const response = await api.app.request(path, { method, headers: { ...tenant.headers, ...headers } });
      expect([headers, response.status, (await answerOf(response)).code]).toEqual([headers, 403, 'foreign_origin']);
    }
  });

  it('may read, and a page of this service may change', async () => {
    const foreign = { origin: 'https://evil.test', 'sec-fetch-site': 'cross-site' };
    const read = await api.app.request('/exports', { headers: { ...tenant.headers, ...foreign } });
    expect(read.status).toBe(200);
    for (const own of [
      { origin: 'http://waybill.test', 'sec-fetch-site': 'same-origin' },
      { origin: 'http://other.test', host: 'other.test' },
      {},
    ]) {
      const order = await api.app.request('/exports', post({ ...tenant.headers, ...own }, BODY));
      expect([own, order.status]).toEqual([own, 202]);
    }
  });

  it.each(CHANGES)('and no form does: %s %s', async (method, path) => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      const headers = { ...tenant.headers, 'content-type': type, 'content-length': '3' };
      const response = await api.app.request(path, { method, headers, body: 'a=b' });
      expect([type, response.status, (await answerOf(response)).code]).toEqual([type, 415, 'unsupported_media_type']);
    }
  });
});

describe('a query', () => {
  it.each([
    ['POST', '/dataexport/disable?deletesettings=true', 'unknown_field'],
    ['POST', '/dataexport/disable?deleteSettings=true&deleteSettings=false', 'invalid_field'],
    ['GET', '/exports?Status=FAILED', 'unknown_field'],
    ['GET', '/exports?limit=1&limit=2', 'invalid_field'],
    ['GET', '/exports?dataset=nope', 'unknown_dataset'],
    ['GET', '/dataexport?since=yesterday', 'unknown_field'],
    ['POST', '/exports?dryRun=true', 'unknown_field'],
  ])('with a parameter that is not known or not clear is refused: %s %s', async (method, path, code) => {
    const body = method === 'POST' ? { body: '{}' } : {};
    const headers = { ...tenant.headers, 'content-type': 'application/json' };
    const response = await api.app.request(path, { method, headers, ...body });
    expect([response.status, (await answerOf(response)).code]).toEqual([400, code]);
  });

  it('takes a dataset by the name that callers know, in any case', async () => {
    const response = await api.app.request('/exports?dataset=Learning_Activities', { headers: tenant.headers });
    expect(response.status).toBe(200);
  });

  it('never brings a line end into the log', async () => {
    started.logged.length = 0;
    await api.app.request('/exports/%0D%0Aforged%1B[31m', { headers: tenant.headers });
    await api.app.request('/exports\u0085x', { headers: tenant.headers });
    for (const line of started.logged) expect(line.trimEnd()).not.toMatch(/[\p{Cc}]/u);
  });
});

describe('a connection', () => {
  let server: ApiServer;
  beforeEach(async () => {
    server = await api.serve();
    closeAtEnd(() => server.close(0));
  });

  it('of a client that goes away is no error', async () => {
    started.logged.length = 0;
    const headers = { ...tenant.headers, 'content-type': 'application/json', 'content-length': '1000' };
    const sending = request({ port: server.port, host: '127.0.0.1', method: 'POST', path: '/exports', headers });
    sending.on('error', () => undefined);
    sending.write('{"startDate"', () => sending.socket?.end());
    const seen = () => started.logged.map((line): { level: number; status?: number } => JSON.parse(line));
    await expect.poll(() => seen().map(({ status }) => status)).toContain(499);
    expect(seen().filter(({ level }) => level > 30)).toEqual([]);
  });

  it('of a sender that drips is closed in time', { timeout: 60_000 }, async () => {
    const socket = connect(server.port, '127.0.0.1');
    let answer = '';
    socket.on('data', (bytes: Buffer) => {
      answer += bytes.toString('latin1');
    });
    socket.write(
      `POST /exports HTTP/1.1\r\nHost: waybill.test\r\nAuthorization: ${tenant.headers.authorization}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n',
    );
    const begun = Date.now();
    const drip = setInterval(() => socket.write(' '), 500);
    await new Promise((resolve) => socket.once('close', resolve));
    clearInterval(drip);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(Date.now() - begun).toBeLessThan(40_000);
  });
});
