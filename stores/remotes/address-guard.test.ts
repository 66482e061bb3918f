import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createNetworks } from '../../config/networks.ts';
import { WaybillError } from '../../contracts/failures.ts';
import { createAddressGuard, guardedAgent, guardedConnect, isPublic } from './address-guard.ts';

const refused = expect.objectContaining({ code: 'destination_refused' });

describe('an address', () => {
  it.each([
    ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '100.127.255.255', '127.0.0.1', '127.255.255.254', '169.254.169.254'],
    ...['172.16.0.1', '172.31.255.255', '192.0.0.1', '192.168.1.1', '198.19.0.1', '203.0.113.9', '224.0.0.1'],
    ...['239.255.255.255', '240.0.0.1', '255.255.255.255', '::', '::1', '::ffff:10.0.0.1', '::ffff:7f00:1'],
    ...['::127.0.0.1', 'fe80::1', 'fe80::1%eth0', 'fc00::1', 'fd12:3456::1', 'fec0::1', 'ff02::1', '100::1'],
    ...['64:ff9b::10.0.0.1', '64:ff9b::a00:1', '64:ff9b::', '64:ff9b:1::8.8.8.8', '2002:7f00:1::', '2001::1'],
    ...['2001:db8::1', '::ffff:0:10.0.0.1', '5f00::1', 'localhost', '', '2130706433', '0x7f.1'],
  ])('%s is not public', (address) => {
    expect(isPublic(address)).toBe(false);
  });

  it.each([
    ...['1.1.1.1', '100.63.255.255', '100.128.0.0', '172.15.255.255', '172.32.0.0', '192.0.1.1', '223.255.255.255'],
    ...['2606:4700::1111', '2a00:1450:4001::1', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8', '64:ff9b::808:808'],
  ])('%s is public', (address) => {
    expect(isPublic(address)).toBe(true);
  });
});

/** A guard for names whose addresses the test sets. */
function createScene(allowed: readonly string[] = []) {
  const names = new Map<string, readonly string[]>();
  const guard = createAddressGuard({
    allowed: createNetworks(allowed),
    resolve: async (host) => {
      const found = names.get(host);
      if (!found) throw new Error(`getaddrinfo ENOTFOUND ${host}`);
      return found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    },
  });
  return { names, guard };
}

async function startServer() {
  const server = createServer((_, answer) => answer.end('hello')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

describe('a guard', () => {
  it('refuses a host of which one address is inside, and says when there is none', async () => {
    const { names, guard } = createScene();
    names.set('outside.example', ['1.1.1.1', '2606:4700::1111']);
    names.set('both.example', ['1.1.1.1', '10.0.0.1']);
    await guard.check('outside.example');
    await expect(guard.check('both.example')).rejects.toEqual(refused);
    await expect(guard.check('[::1]')).rejects.toEqual(refused);
    await expect(guard.check('none.example')).rejects.toMatchObject({ code: 'destination_unavailable' });
  });

  it('lets through what the operator allows, and nothing beside it', async () => {
    const { names, guard } = createScene(['10.1.0.0/16', 'fd00::/64']);
    names.set('near.example', ['10.1.2.3', 'fd00::2']);
    names.set('beside.example', ['10.2.2.3']);
    await guard.check('near.example');
    await guard.check('::ffff:10.1.0.9');
    await expect(guard.check('beside.example')).rejects.toEqual(refused);
  });

  it('checks every connection, so a name that changes gets no further', async () => {
    const port = await startServer();
    const { names, guard } = createScene();
    names.set('server.example', ['1.1.1.1']);
    await guard.check('server.example');
    names.set('server.example', ['127.0.0.1']);
    await expect(once(guardedConnect(guard, { host: 'server.example', port }), 'connect')).rejects.toEqual(refused);
    expect(() => guardedConnect(guard, { host: '127.0.0.1', port })).toThrow(WaybillError);
  });

  it('connects to the very address that it has checked', async () => {
    const port = await startServer();
    const { names, guard } = createScene(['127.0.0.1']);
    names.set('server.example', ['127.0.0.1']);
    const socket = guardedConnect(guard, { host: 'server.example', port });
    await once(socket, 'connect');
    expect(socket.remoteAddress).toBe('127.0.0.1');
    socket.destroy();
  });

  it('checks the requests of an agent, by name and by address', async () => {
    const port = await startServer();
    const { names, guard } = createScene(['127.0.0.1']);
    names.set('server.example', ['127.0.0.1']);
    names.set('inside.example', ['127.0.0.2']);
    const agent = guardedAgent(guard, 'http:');
    onTestFinished(() => agent.destroy());
    const ask = (host: string) =>
      new Promise((resolve, reject) => {
        request({ host, port, agent }, (answer) => resolve(answer.resume().statusCode))
          .on('error', reject)
          .end();
      });
    expect(await ask('server.example')).toBe(200);
    expect(await ask('127.0.0.1')).toBe(200);
    await expect(ask('inside.example')).rejects.toEqual(refused);
    await expect(ask('127.0.0.2')).rejects.toEqual(refused);
  });
});
