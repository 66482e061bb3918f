import type { LookupAddress } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { createNetworks, type Networks, normalAddress } from '../../config/networks.ts';
import { WaybillError } from '../../contracts/failures.ts';

/** Finds all addresses of a host. */
export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

/**
 * Decides to which addresses a connection for a tenant may go: public ones, and those that the operator allows. It is asked for
 * every connection and hands on only addresses that it has checked, so a name that later resolves to another address, or a
 * redirect, gets no further than the first one.
 */
export interface AddressGuard {
  /** For the option `lookup` of sockets. It is not called for an address: use {@link check} or one of the functions below too. */
  readonly lookup: LookupFunction;
  /** @throws WaybillError `destination_refused`, `destination_unavailable` if the name has no address */
  check(host: string): Promise<void>;
  /** The same for an address; no effect for a name. @throws WaybillError `destination_refused` */
  checkAddress(host: string): void;
}

/** IPv4 networks that are not public. Source: IANA, "IPv4 Special-Purpose Address Registry"; multicast and class E. */
const INTERNAL_V4 = createNetworks([
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4'],
]);
/** All of IPv6 that is public. Source: IANA, "Internet Protocol Version 6 Address Space". */
const GLOBAL_V6 = createNetworks(['2000::/3']);
/** Parts of it that are not: protocol assignments with Teredo, documentation, 6to4. Source: IANA, the registry for IPv6. */
const SPECIAL_V6 = createNetworks(['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']);
/** Addresses of NAT64 end in the IPv4 address that they lead to. Source: RFC 6052, section 2.1. */
const NAT64 = createNetworks(['64:ff9b::/96']);

/** Whether an address is one of the public internet. Anything that is not an address is not. */
export function isPublic(text: string): boolean {
  const address = normalAddress(text);
  if (address === undefined) return false;
  if (isIP(address) === 4) return !INTERNAL_V4.has(address);
  if (NAT64.has(address)) return isPublic(embeddedV4(address));
  return GLOBAL_V6.has(address) && !SPECIAL_V6.has(address);
}

/** @returns the last 32 bits */
function embeddedV4(address: string): string {
  const [dotted] = /\d+\.\d+\.\d+\.\d+$/.exec(address) ?? [];
  if (dotted !== undefined) return dotted;
  const tail = address.slice(address.indexOf('::') + 2).split(':');
  const [high = 0, low = 0] = ['0', '0', ...tail].slice(-2).map((group) => Number.parseInt(group || '0', 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

export interface GuardOptions {
  /** Networks that may be reached although they are not public. */
  readonly allowed: Networks;
  readonly resolve: Resolve;
  /** Refuses public addresses too, for connections that nothing protects on the way. @default false */
  readonly allowedOnly?: boolean;
}

export function createAddressGuard({ allowed, resolve, allowedOnly = false }: GuardOptions): AddressGuard {
  function checkAddress(host: string): void {
    const address = normalAddress(host.replace(/^\[(.*)\]$/, '$1'));
    if (address === undefined || allowed.has(address) || (!allowedOnly && isPublic(address))) return;
    throw new WaybillError('destination_refused');
  }

  /** A host with one address inside and one outside is refused as a whole. */
  async function resolveChecked(host: string): Promise<readonly LookupAddress[]> {
    const found = await resolve(host).catch((cause: unknown) => {
      throw new WaybillError('destination_unavailable', 'The host name of the destination has no address.', { cause });
    });
    if (found.length === 0) throw new WaybillError('destination_unavailable');
    for (const { address } of found) checkAddress(address);
    return found;
  }

  const lookup: LookupFunction = (host, options, callback) => {
    resolveChecked(host).then(
      (found) => {
        const { family } = options;
        const wanted = found.filter((one) => !family || family === one.family || family === `IPv${one.family}`);
        const [first] = wanted;
        if (!first) callback(new WaybillError('destination_unavailable'), []);
        else if (options.all) callback(null, [...wanted]);
        else callback(null, first.address, first.family);
      },
      (error: Error) => callback(error, []),
    );
  };

  return {
    lookup,
    checkAddress,
    async check(host) {
      checkAddress(host);
      if (normalAddress(host.replace(/^\[(.*)\]$/, '$1')) === undefined) await resolveChecked(host);
    },
  };
}

/** Begins a connection. @throws WaybillError `destination_refused` for an address; for a name the socket fails with it */
export function guardedConnect(guard: AddressGuard, to: { readonly host: string; readonly port: number }): Socket {
  guard.checkAddress(to.host);
  return connect({ ...to, lookup: guard.lookup });
}

/**
 * Creates an agent for requests over HTTP. Its connections are its own: one that another agent has opened to the same host was not
 * checked.
 */
export function guardedAgent(guard: AddressGuard, protocol: string): http.Agent {
  const agent = new (protocol === 'https:' ? https.Agent : http.Agent)({ keepAlive: true, lookup: guard.lookup });
  const createConnection = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    guard.checkAddress(options.host ?? options.hostname ?? '');
    return createConnection(options, callback);
  };
  return agent;
}
