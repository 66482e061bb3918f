import type { Socket } from 'node:net';

/** What this server calls itself. Source: RFC 4253 section 4.2. */
export const IDENT = 'Waybill';
export const IDENT_LINE: Buffer = Buffer.from(`SSH-2.0-${IDENT}\r\n`);

/** How long a client may take to send its offer first, in milliseconds. Some send theirs only after the server's. */
const WAIT_MS = 500;
/** Longest identification line in bytes, with its end. Source: RFC 4253 section 4.2. */
const IDENT_BYTES_MAX = 255;
/** Longest packet in bytes. Source: RFC 4253 section 6.1. */
const PACKET_BYTES_MAX = 35_000;
const KEXINIT = 20;
/** In front of the name lists: length, padding length, type and cookie. */
const HEAD_BYTES = 4 + 1 + 1 + 16;
/** Name lists of a KEXINIT: key exchange, host key, then ciphers in each direction. Source: RFC 4253 section 7.1. */
const CIPHER_LISTS = [2, 3] as const;

/** Ciphers that a client accepts in both directions; `undefined` if it sent something else. */
export type ClientCiphers = readonly string[] | undefined;

/**
 * @param start first bytes of a connection
 * @returns 'incomplete' while more bytes are needed
 */
export function parseClientOffer(start: Buffer): ClientCiphers | 'incomplete' {
  const line = start.subarray(0, IDENT_BYTES_MAX).indexOf('\n');
  if (line < 0) return start.length < IDENT_BYTES_MAX ? 'incomplete' : undefined;
  const packet = start.subarray(line + 1);
  if (packet.length < HEAD_BYTES) return 'incomplete';
  const bytes = 4 + packet.readUInt32BE(0);
  if (bytes > PACKET_BYTES_MAX || packet.readUInt8(5) !== KEXINIT) return undefined;
  if (packet.length < bytes) return 'incomplete';
  const lists = nameLists(packet.subarray(HEAD_BYTES, bytes), CIPHER_LISTS[1] + 1);
  const [toServer, toClient] = CIPHER_LISTS.map((index) => lists?.[index]);
  return toServer && toClient?.filter((name) => toServer.includes(name));
}

function nameLists(bytes: Buffer, count: number): readonly (readonly string[])[] | undefined {
  const lists: string[][] = [];
  let at = 0;
  while (lists.length < count) {
    if (at + 4 > bytes.length) return undefined;
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) return undefined;
    lists.push(bytes.toString('latin1', at + 4, end).split(','));
    at = end;
  }
  return lists;
}

/**
 * Sends the identification line and waits for the client's offer, which stays in the socket. The library would send the
 * server's offer without having seen it.
 */
export async function awaitClientOffer(socket: Socket): Promise<ClientCiphers> {
  const { promise, resolve } = Promise.withResolvers<ClientCiphers>();
  const chunks: Buffer[] = [];
  const stop = () => resolve(undefined);
  const timer = setTimeout(stop, WAIT_MS);
  function take(chunk: Buffer): void {
    chunks.push(chunk);
    const offer = parseClientOffer(Buffer.concat(chunks));
    if (offer !== 'incomplete') resolve(offer);
  }
  socket.write(IDENT_LINE);
  socket.on('data', take);
  socket.once('close', stop);
  const offer = await promise;
  clearTimeout(timer);
  socket.off('data', take).off('close', stop);
  socket.pause();
  if (chunks.length > 0) socket.unshift(Buffer.concat(chunks));
  return offer;
}
