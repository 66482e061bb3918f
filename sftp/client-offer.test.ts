import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { awaitClientOffer, IDENT_LINE, parseClientOffer } from './client-offer.ts';

const LINE = 'SSH-2.0-OpenSSH_9.2\r\n';

function offerOf(toServer: string, toClient: string): Buffer {
  const list = (names: string) => {
    const bytes = Buffer.alloc(4 + names.length, names, undefined);
    bytes.writeUInt32BE(names.length);
    bytes.write(names, 4);
    return bytes;
  };
  const lists = ['curve25519-sha256', 'ssh-ed25519', toServer, toClient, '', '', 'none', 'none', '', ''].map(list);
  const payload = Buffer.concat([Buffer.of(20), Buffer.alloc(16, 7), ...lists, Buffer.alloc(5)]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(1 + payload.length + 4);
  head.writeUInt8(4, 4);
  return Buffer.concat([Buffer.from(LINE), head, payload, Buffer.alloc(4)]);
}

describe('parseClientOffer', () => {
  it('reads the ciphers that are accepted in both directions, however the bytes arrive', () => {
    const offer = offerOf('aes128-ctr,aes128-gcm@openssh.com', 'aes128-gcm@openssh.com,aes256-ctr');
    expect(parseClientOffer(offer)).toEqual(['aes128-gcm@openssh.com']);
    for (let bytes = 0; bytes < offer.length; bytes += 1) {
      expect(parseClientOffer(offer.subarray(0, bytes))).toBe('incomplete');
    }
    expect(parseClientOffer(Buffer.concat([offer, Buffer.alloc(100)]))).toEqual(['aes128-gcm@openssh.com']);
  });

  it.each([
    ['a line without an end', Buffer.alloc(255, 'a')],
    ['another packet', Buffer.from(`${LINE}\0\0\0\x20\x04\x15${'\0'.repeat(40)}`)],
    ['a packet that is too long', Buffer.from(`${LINE}\0\x01\0\0\x04\x14${'\0'.repeat(40)}`)],
    [
      'a packet that ends before its lists do',
      Buffer.from(`${LINE}\0\0\0\x20\x04\x14${'\0'.repeat(16)}\0\0\0\xff${'\0'.repeat(20)}`, 'latin1'),
    ],
    ['a packet of less than its head', Buffer.from(`${LINE}\0\0\0\x02\x04\x14${'\0'.repeat(40)}`)],
  ])('takes %s for none', (_, start) => expect(parseClientOffer(start)).toBeUndefined());

  it('never throws, and never waits for more than a line and a packet', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, hasLine) => {
        const start = Buffer.concat([Buffer.from(hasLine ? LINE : ''), bytes]);
        parseClientOffer(start);
        expect(parseClientOffer(Buffer.concat([start, Buffer.alloc(40_000)]))).not.toBe('incomplete');
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('awaitClientOffer', () => {
  async function between(client: (socket: Socket) => void) {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = server.address();
    const socket = connect(typeof address === 'object' ? (address?.port ?? 0) : 0, '127.0.0.1');
    const [accepted] = (await once(server, 'connection')) as [Socket];
    client(socket);
    const offer = await awaitClientOffer(accepted);
    return { offer, accepted, socket, [Symbol.dispose]: () => [accepted.destroy(), socket.destroy(), server.close()] };
  }

  it('sends its line first and leaves the bytes of the client in the socket', async () => {
    const bytes = offerOf('aes128-ctr', 'aes128-ctr');
    using connection = await between((socket) => {
      socket.once('data', (line) => {
        expect(line).toEqual(IDENT_LINE);
        for (const byte of bytes) socket.write(Buffer.of(byte));
      });
    });
    expect(connection.offer).toEqual(['aes128-ctr']);
    expect(connection.accepted.read(bytes.length)).toEqual(bytes);
  });

  it('does not wait for a client that waits for the server', async () => {
    using connection = await between((socket) => socket.write(LINE));
    expect(connection.offer).toBeUndefined();
    expect(connection.accepted.read()).toEqual(Buffer.from(LINE));
  });

  it('returns when the client goes away', async () => {
    using connection = await between((socket) => socket.destroy());
    expect(connection.offer).toBeUndefined();
  });
});
