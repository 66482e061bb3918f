import { Hono } from 'hono';
import { expect, test } from 'vitest';
import type { ApiEnv } from '../deps.ts';
import { clientAddress } from './client-address.ts';

async function addressFor(trusted: readonly string[], peer: string | undefined, forwarded: string | undefined) {
  const addressOf = clientAddress(trusted);
  const app = new Hono<ApiEnv>().get('/', (c) => c.text(addressOf(c)));
  const env = peer === undefined ? {} : { incoming: { socket: { remoteAddress: peer } } };
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  return (await app.request('/', { headers }, env)).text();
}

test.each([
  ['no connection', ['127.0.0.1'], undefined, '192.0.2.1', 'local'],
  ['nobody trusted', [], '127.0.0.1', '192.0.2.1', '127.0.0.1'],
  ['another peer', ['10.0.0.0/8'], '192.0.2.9', '192.0.2.1', '192.0.2.9'],
  ['a proxy without the header', ['10.0.0.0/8'], '10.0.0.1', undefined, '10.0.0.1'],
  ['a proxy', ['10.0.0.0/8'], '10.0.0.1', '192.0.2.1', '192.0.2.1'],
  ['a proxy on a socket for both families', ['10.0.0.0/8'], '::ffff:10.0.0.1', '192.0.2.1', '192.0.2.1'],
  ['an address made up by the client', ['10.0.0.0/8'], '10.0.0.1', '203.0.113.1, 192.0.2.1', '192.0.2.1'],
  ['a trusted address made up by the client', ['10.0.0.0/8'], '10.0.0.1', '10.9.9.9, 192.0.2.1', '192.0.2.1'],
  ['two proxies', ['10.0.0.0/8', '::1'], '10.0.0.1', '203.0.113.1, 192.0.2.1 , ::1', '192.0.2.1'],
  ['proxies only', ['10.0.0.0/8'], '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
  ['with ports', ['10.0.0.0/8', '::1'], '10.0.0.1', '[2001:DB8::1]:4711, [::1], 10.0.0.2:80', '2001:db8::1'],
  ['what is no address', ['10.0.0.0/8'], '10.0.0.1', '192.0.2.1, unknown, 10.0.0.2', '10.0.0.2'],
  ['an empty list', ['10.0.0.0/8'], '10.0.0.1', ' , ', '10.0.0.1'],
])('%s', async (_name, trusted, peer, forwarded, address) => {
  expect(await addressFor(trusted, peer, forwarded)).toBe(address);
});
