import { randomBytes } from 'node:crypto';
import { createServer as createTcpServer } from 'node:net';
import { describe, expect, it, test } from 'vitest';
import { LOOPBACK } from '../stack/ports.ts';
import type { Resolve } from '../stores/remotes/address-guard.ts';
import { createWebhookSender } from '../stores/webhooks/http.ts';
import { closeAtEnd } from './cleanup.ts';
import { failsWith } from './ledger-set-up.ts';
import { startReceiver, verified, withStatus } from './webhook-receiver.ts';

const names = new Map<string, readonly string[]>([
  ['receiver.example', [LOOPBACK]],
  ['inside.example', ['10.0.0.7']],
  ['both.example', ['93.184.215.14', '10.0.0.7']],
  ['public.example', ['93.184.215.14']],
]);
const resolve: Resolve = async (host) => {
  const found = names.get(host);
  if (!found) throw new Error(`ENOTFOUND ${host}`);
  return found.map((address) => ({ address, family: 4 }));
};
const key = randomBytes(32);
const options = { secretsKeys: [key] as const, allowedNetworks: [`${LOOPBACK}/32`], resolve, answerMs: 1000 };
const sender = createWebhookSender(options);
const tenant = 'acme';
const noSignal = new AbortController().signal;

const message = (url: string, secrets = [sender.newSecret()]) => ({
  ...{ tenant, url, id: 'evt_1', body: '{"type":"x","data":{}}' },
  secrets: secrets.map((secret) => sender.seal(tenant, secret)),
});
const send = (url: string) => sender.send(message(url), noSignal);
const failed = (status: number | null, error: string, retryAfterMs: number | null = null) => ({
  ...{ delivered: false, status, error, retryAfterMs },
});

describe('a webhook', () => {
  it('is signed with each of its secrets, and the receiver of either verifies it', async () => {
    const receiver = await startReceiver();
    const [young, old] = [sender.newSecret(), sender.newSecret()];
    expect(await sender.send(message(`${receiver.url}/a?b=c`, [young, old]), noSignal)).toEqual({
      ...{ delivered: true, status: 204 },
    });
    const [request] = receiver.received;
    if (!request) throw new Error('nothing was received');
    expect(request).toMatchObject({ path: '/a?b=c', id: 'evt_1' });
    expect(request.headers).toMatchObject({ 'content-type': 'application/json', 'user-agent': 'Waybill-Webhooks' });
    expect(request.headers['webhook-signature']).toMatch(/^v1,\S+ v1,\S+$/);
    for (const secret of [young, old]) expect(verified(secret, request)).toEqual({ type: 'x', data: {} });
    expect(() => verified(sender.newSecret(), request)).toThrow('No matching signature');
    expect(() => verified(young, { ...request, body: `${request.body} ` })).toThrow('No matching signature');
  });

  test.each([
    [200, { delivered: true, status: 200 }],
    [299, { delivered: true, status: 299 }],
    [302, failed(302, 'webhook_rejected')],
    [404, failed(404, 'webhook_rejected')],
    [410, failed(410, 'webhook_rejected')],
    [500, failed(500, 'webhook_rejected')],
  ])('that is answered with %i', async (status, answer) => {
    const receiver = await startReceiver();
    receiver.respond(withStatus(status));
    expect(await send(receiver.url)).toEqual(answer);
  });

  test.each([
    ['120', 120_000],
    ['Wed, 21 Oct 2026 07:28:00 GMT', null],
    ['-5', null],
  ])('that should be sent again after %s', async (text, ms) => {
    const receiver = await startReceiver();
    receiver.respond(withStatus(503, { 'retry-after': text }));
    expect(await send(receiver.url)).toEqual(failed(503, 'webhook_rejected', ms));
  });

  it('does not follow a redirect, wherever it leads', async () => {
    const [target, redirecting] = [await startReceiver(), await startReceiver()];
    for (const status of [301, 307, 308]) {
      redirecting.respond(withStatus(status, { location: `${target.url}/secret` }));
      expect(await send(redirecting.url)).toEqual(failed(status, 'webhook_rejected'));
    }
    expect(target.received).toEqual([]);
  });

  it('waits for an answer for a limited time, whatever of it arrives', async () => {
    const receiver = await startReceiver();
    receiver.respond(() => undefined);
    expect(await send(receiver.url)).toEqual(failed(null, 'webhook_unavailable'));
    const silent = createTcpServer((socket) => socket.on('error', () => undefined).write('HTTP/1.1 200 OK\r\nX-a: '));
    await new Promise<void>((done) => silent.listen(0, LOOPBACK, done));
    closeAtEnd(() => silent.close());
    const address = silent.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    expect(await send(`http://${LOOPBACK}:${port}`)).toEqual(failed(null, 'webhook_unavailable'));
  });

  it('reads little of an answer that does not end', async () => {
    const receiver = await startReceiver();
    let sent = 0;
    receiver.respond((_, answer) => {
      answer.writeHead(200);
      const chunk = Buffer.alloc(16_384);
      const more = () => {
        while (!answer.destroyed && sent < 1e9) {
          sent += chunk.length;
          if (!answer.write(chunk)) return void answer.once('drain', more);
        }
      };
      more();
    });
    expect(await send(receiver.url)).toEqual({ delivered: true, status: 200 });
    expect(sent).toBeLessThan(50_000_000);
    receiver.respond((_, answer) => void answer.writeHead(202).write('and then nothing'));
    expect(await send(receiver.url)).toEqual({ delivered: true, status: 202 });
  });

  it('stops when it is told to', async () => {
    const receiver = await startReceiver();
    const stop = new AbortController();
    receiver.respond(() => stop.abort(new Error('enough')));
    await expect(sender.send(message(receiver.url), stop.signal)).rejects.toThrow('enough');
  });

  test.each([
    ['http://10.0.0.7/', 'webhook_refused'],
    ['https://10.0.0.7/', 'webhook_refused'],
    ['https://[::1]/', 'webhook_refused'],
    ['https://169.254.169.254/latest', 'webhook_refused'],
    ['https://2130706434/', 'webhook_refused'],
    ['https://inside.example/', 'webhook_refused'],
    ['https://both.example/', 'webhook_refused'],
    ['http://public.example/', 'webhook_refused'],
    ['https://nowhere.example/', 'webhook_unavailable'],
    [`http://${LOOPBACK}:1/`, 'webhook_unavailable'],
  ] as const)('to %s: %s', async (url, code) => {
    expect(await send(url)).toEqual(failed(null, code));
    if (!url.includes(':1/')) await expect(sender.check(url)).rejects.toEqual(failsWith(code));
  });

  it('to a public name is allowed with TLS, and to an allowed network without', async () => {
    await sender.check('https://public.example/');
    await sender.check('http://receiver.example/');
  });

  it('whose name leads inside later is refused then', async () => {
    const receiver = await startReceiver();
    const url = `http://moving.example:${new URL(receiver.url).port}/`;
    names.set('moving.example', [LOOPBACK]);
    expect(await send(url)).toMatchObject({ delivered: true });
    names.set('moving.example', ['127.0.0.2']);
    expect(await send(url)).toEqual(failed(null, 'webhook_refused'));
    expect(receiver.received).toHaveLength(1);
  });

  it('of another tenant or deployment is not signed', async () => {
    const receiver = await startReceiver();
    await expect(sender.send({ ...message(receiver.url), tenant: 'other' }, noSignal)).rejects.toThrow();
    const other = createWebhookSender({ ...options, secretsKeys: [randomBytes(32)] });
    await expect(other.send(message(receiver.url), noSignal)).rejects.toThrow('no key');
    expect(receiver.received).toEqual([]);
    const secret = other.newSecret();
    const secrets = [other.seal(tenant, secret), ...message(receiver.url).secrets];
    expect(await other.send({ ...message(receiver.url), secrets }, noSignal)).toMatchObject({ delivered: true });
    const [request] = receiver.received;
    if (request) verified(secret, request);
    expect(request?.headers['webhook-signature']).toMatch(/^v1,\S+$/);
  });

  it('has a secret of its own each time', () => {
    const secrets = Array.from({ length: 10 }, () => sender.newSecret());
    expect(new Set(secrets).size).toBe(10);
    for (const secret of secrets) expect(Buffer.from(secret.slice('whsec_'.length), 'base64')).toHaveLength(32);
  });
});
