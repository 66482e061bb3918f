import { BlockList, isIP, SocketAddress } from 'node:net';

/** Addresses and networks, as a list in the settings names them. */
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
 * One spelling for each address: shortest form, lower case, no zone, and IPv4 where IPv6 only wraps it.
 * @returns `undefined` for a text that is not an address
 */
export function normalAddress(text: string): string | undefined {
  const [bare = ''] = text.split('%');
  const family = isIP(bare);
  if (family === 0) return undefined;
  if (family === 4) return bare;
  const { address } = new SocketAddress({ address: bare, family: 'ipv6' });
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1] ?? address;
}

/** The /64 of an IPv6 address, which is what one customer gets and moves about in; an IPv4 address as it is. */
export function clientNetwork(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string) => text.split(':').filter(Boolean);
  // A dotted end stands for two groups; it lies behind the first four in any case.
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
  // Of an IPv4 network that is written as IPv6, the first 96 bits are the wrapping.
  const wrapped = isIP(written) === 6 && bitsMax === 32 ? 96 : 0;
  const prefixBits = bits === undefined ? bitsMax : Number(bits) - wrapped;
  return prefixBits >= 0 && prefixBits <= bitsMax ? { address, prefixBits } : undefined;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6';
}
