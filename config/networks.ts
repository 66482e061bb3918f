import { BlockList, isIP, SocketAddress } from 'node:net';

/** A list of addresses and networks from the settings. */
export interface Networks {
  /** @param address as {@link normalAddress} returns it */
  has(address: string): boolean;
}

/** Whether the text is an IP address or a network in CIDR notation, such as `10.0.0.0/8` or `2001:db8::/32`. */
export function isNetwork(text: string): boolean {
  return parseNetwork(text) !== undefined;
}

/** @param texts of which {@link isNetwork} holds */
export function createNetworks(texts: readonly string[]): Networks {
  const list = new BlockList();
  for (const text of texts) {
    const network = parseNetwork(text);
    if (!network) throw new TypeError(`"${text}" is not an address or a network`);
    list.addSubnet(network.address, network.prefixBits, familyOf(network.address));
  }
  return { has: (address) => list.check(address, familyOf(address)) };
}

/**
 * Canonical form of an address: shortest form, lower case, no zone, IPv4-mapped IPv6 as IPv4.
 * @returns `undefined` if the text is not an address
 */
export function normalAddress(text: string): string | undefined {
  const [bare = ''] = text.split('%');
  const family = isIP(bare);
  if (family === 0) return undefined;
  if (family === 4) return bare;
  const { address } = new SocketAddress({ address: bare, family: 'ipv6' });
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1] ?? address;
}

/** The /64 of an IPv6 address, which usually belongs to one customer; an IPv4 address unchanged. */
export function clientNetwork(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string) => text.split(':').filter(Boolean);
  // A dotted end counts as two groups; it is always after the first four.
  const length = groups(tail).length + (tail.includes('.') ? 1 : 0);
  const zeros = Array.from({ length: Math.max(0, 8 - groups(head).length - length) }, () => '0');
  const all = address.includes('::') ? [...groups(head), ...zeros, ...groups(tail)] : groups(head);
  return `${all.slice(0, 4).join(':')}::/64`;
}

function parseNetwork(text: string): { readonly address: string; readonly prefixBits: number } | undefined {
  const [, written = '', bits] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = normalAddress(written);
  if (address === undefined) return undefined;
  const bitsMax = isIP(address) === 4 ? 32 : 128;
  // The first 96 bits of an IPv4-mapped IPv6 network are the prefix.
  const wrapped = isIP(written) === 6 && bitsMax === 32 ? 96 : 0;
  const prefixBits = bits === undefined ? bitsMax : Number(bits) - wrapped;
  return prefixBits >= 0 && prefixBits <= bitsMax ? { address, prefixBits } : undefined;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6';
}
