import { isIP, type Socket } from 'node:net';
import { normalAddress } from '../config/networks.ts';

/**
 * Reads the header in which a proxy names the client of a connection.
 * Source: HAProxy, The PROXY protocol, versions 1 and 2.
 */

/** Longest header of version 1 in bytes, with its CRLF. */
const V1_BYTES_MAX = 107;
const V1_START = Buffer.from('PROXY ');
const V1 = /^PROXY (?:UNKNOWN(?: [^\r]*)?|TCP([46]) (\S+) (\S+) (\d{1,5}) (\d{1,5}))\r\n$/;
const V2_START = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const V2_HEAD_BYTES = 16;
/** Bytes after the head of version 2 that are accepted: addresses and some extensions. */
const V2_REST_BYTES_MAX = 2048;

export type ProxyHeader =
  | 'incomplete'
  | 'invalid'
  /** @param address `null`: the connection is the proxy's own, such as a health check */
  | { readonly address: string | null; readonly bytes: number };

/** @param start the first bytes of a connection */
export function parseProxyHeader(start: Buffer): ProxyHeader {
  if (beginsLike(start, V1_START)) return parseV1(start);
  if (beginsLike(start, V2_START)) return parseV2(start);
  return 'invalid';
}

/** Whether the two have the same bytes as far as both go. */
function beginsLike(start: Buffer, expected: Buffer): boolean {
  const length = Math.min(start.length, expected.length);
  return start.subarray(0, length).equals(expected.subarray(0, length));
}

function parseV1(start: Buffer): ProxyHeader {
  const end = start.subarray(0, V1_BYTES_MAX).indexOf('\r\n');
  if (end < 0) return start.length < V1_BYTES_MAX ? 'incomplete' : 'invalid';
  const bytes = end + 2;
  const match = V1.exec(start.toString('latin1', 0, bytes));
  if (!match) return 'invalid';
  const [, family, source = '', target = '', ...ports] = match;
  if (family === undefined) return { address: null, bytes };
  const isValid = [source, target].every((address) => isIP(address) === Number(family)) && ports.every(isPort);
  return isValid ? addressed(source, bytes) : 'invalid';
}

function isPort(text: string | undefined): boolean {
  return Number(text) <= 65_535;
}

function parseV2(start: Buffer): ProxyHeader {
  if (start.length < V2_HEAD_BYTES) return 'incomplete';
  const [command, family, rest] = [start.readUInt8(12), start.readUInt8(13), start.readUInt16BE(14)];
  const bytes = V2_HEAD_BYTES + rest;
  if (rest > V2_REST_BYTES_MAX || ![0x20, 0x21].includes(command)) return 'invalid';
  if (start.length < bytes) return 'incomplete';
  // LOCAL, or an unspecified family.
  if (command === 0x20 || family === 0) return { address: null, bytes };
  const source = start.subarray(V2_HEAD_BYTES, bytes);
  if (family === 0x11 && rest >= 12) return addressed(source.subarray(0, 4).join('.'), bytes);
  if (family === 0x21 && rest >= 36) {
    const groups = Array.from({ length: 8 }, (_, index) => source.readUInt16BE(2 * index).toString(16));
    return addressed(groups.join(':'), bytes);
  }
  return 'invalid';
}

function addressed(text: string, bytes: number): ProxyHeader {
  const address = normalAddress(text);
  return address === undefined ? 'invalid' : { address, bytes };
}

/**
 * Takes the header off a connection.
 *
 * @returns the client's address; `null`: the proxy's own connection; `undefined`: no valid header
 */
export function takeProxyHeader(socket: Socket): Promise<string | null | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | null | undefined>();
  let start: Buffer = Buffer.alloc(0);
  function take(chunk: Buffer): void {
    start = Buffer.concat([start, chunk]);
    const header = parseProxyHeader(start);
    if (header === 'incomplete') return;
    socket.off('data', take);
    socket.pause();
    if (header !== 'invalid' && start.length > header.bytes) socket.unshift(start.subarray(header.bytes));
    resolve(header === 'invalid' ? undefined : header.address);
  }
  socket.on('data', take);
  socket.once('close', () => resolve(undefined));
  return promise;
}
