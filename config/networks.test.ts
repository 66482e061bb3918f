import { describe, expect, it } from 'vitest';
import { clientNetwork, createNetworks, isNetwork, normalAddress } from './networks.ts';

describe('normalAddress', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['192.0.2', undefined],
    ['192.0.2.1:80', undefined],
    ['', undefined],
  ])('%s', (text, address) => {
    expect(normalAddress(text)).toBe(address);
  });
});

describe('clientNetwork', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['local', 'local'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['::3:4:5:192.0.2.1', '0:0:0:3::/64'],
  ])('%s', (address, network) => {
    expect(clientNetwork(address)).toBe(network);
  });
});

describe('createNetworks', () => {
  const networks = createNetworks(['10.1.0.0/16', '192.0.2.7', '2001:db8::/32', '::ffff:203.0.113.0/120']);

  it.each([
    ['10.1.255.255', true],
    ['10.2.0.0', false],
    ['192.0.2.7', true],
    ['192.0.2.8', false],
    ['2001:db8:ffff::1', true],
    ['2001:db9::1', false],
    ['203.0.113.9', true],
    ['203.0.114.9', false],
  ])('%s: %s', (address, inside) => {
    expect(networks.has(address)).toBe(inside);
  });

  it.each(['10.0.0.0/33', '10.0.0/8', '::/129', '::ffff:10.0.0.0/95', 'localhost', '10.0.0.0/', '*', 'fe80::1%eth0'])(
    'takes no %s',
    (text) => {
      expect(isNetwork(text)).toBe(false);
    },
  );
});
