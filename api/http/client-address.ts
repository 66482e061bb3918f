import type { Context } from 'hono';
import { createNetworks, normalAddress } from '../../config/networks.ts';
import type { ApiEnv } from '../deps.ts';

/** Reads the address that a request comes from; `local` where there is no connection. */
export type ClientAddress = (c: Context<ApiEnv>) => string;

/**
 * The peer, or, when that is a trusted proxy, the client that `X-Forwarded-For` names. Each proxy appends the address
 * that it was called from, so the list is read from its end, past trusted proxies, up to the first address that
 * none of them has: whatever stands before it the client may have made up.
 *
 * @param trustedProxies addresses and networks, as `isNetwork` takes them
 */
export function clientAddress(trustedProxies: readonly string[]): ClientAddress {
  const trusted = createNetworks(trustedProxies);
  return function addressOf(c) {
    const peer = c.env?.incoming?.socket.remoteAddress;
    if (peer === undefined) return 'local';
    let address = normalAddress(peer) ?? peer;
    const hops = (c.req.header('x-forwarded-for') ?? '').split(',');
    while (trusted.has(address)) {
      const hop = normalAddress(withoutPort(hops.pop() ?? ''));
      if (hop === undefined) break;
      address = hop;
    }
    return address;
  };
}

/** Some proxies write `192.0.2.1:4711` or `[2001:db8::1]:4711`. */
function withoutPort(hop: string): string {
  const text = hop.trim();
  return /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
}
