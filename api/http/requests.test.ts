import { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import type { ApiEnv } from '../deps.ts';
import { clientAddress, routingPath, withoutKeys } from './requests.ts';

describe('the path', () => {
  test.each([
    ['/exports', '/exports'],
    ['/exports/', '/exports'],
    ['//exports///a//file', '/exports/a/file'],
    ['/tp-api/exports?id=a//b', '/exports'],
    ['/tp-api//exports/x', '/exports/x'],
    ['/tp-api', '/'],
    ['/tp-apis/exports', '/tp-apis/exports'],
    ['/', '/'],
    ['/exports/a%2Fb', '/exports/a%2Fb'],
    ['/exports/a%2F%2Fb', '/exports/a%2F%2Fb'],
  ])('%s is routed as %s', (target, path) => {
    expect(routingPath(new Request(`http://waybill.test${target}`))).toBe(path);
  });
});

describe('the address of a client', () => {
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
});

describe('private keys', () => {
  const KEY = `AGE-SECRET-KEY-1${'QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L'.repeat(2).slice(0, 58)}`;

  test.each([
    ['', ''],
    ['acme', 'acme'],
    ['/dataexport/download', '/dataexport/download'],
    [KEY, 'AGE-SECRET-KEY-…'],
    [KEY.toLowerCase(), 'AGE-SECRET-KEY-…'],
    [KEY.replace('KEY-1', 'KEY-PQ-1'), 'AGE-SECRET-KEY-…'],
    [`/dataexport/${KEY}/x`, '/dataexport/AGE-SECRET-KEY-…/x'],
    [`${KEY} and ${KEY}`, 'AGE-SECRET-KEY-… and AGE-SECRET-KEY-…'],
    ['AGE-SECRET-KEY-1MISTYPED.csv', 'AGE-SECRET-KEY-….csv'],
  ])('%s', (text, rest) => {
    expect(withoutKeys(text)).toBe(rest);
  });
});
