import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import ssh2, { type Connection } from 'ssh2';
import { expect, it } from 'vitest';
import { generateSshKey } from '../stores/remotes/ssh-keys.ts';
import { algorithmsFor } from './algorithms.ts';
import { easeCipher, gatherWrites } from './wire.ts';

it.each(['aes128-gcm@openssh.com', 'aes256-ctr'] as const)(
  'finds the cipher %s in this version of the library, after each key exchange',
  async (cipher) => {
    const hostKey = generateSshKey().private;
    const eased: boolean[] = [];
    const server = createServer((socket: Socket) => {
      const wire = gatherWrites(socket);
      const ssh = new ssh2.Server({ hostKeys: [hostKey], algorithms: algorithmsFor(undefined) });
      ssh.on('connection', (connection: Connection) => {
        connection.on('error', () => undefined);
        connection.on('handshake', () => eased.push(easeCipher(connection, wire)));
        connection.on('authentication', (context) => context.accept());
        connection.on('ready', () => connection.rekey());
      });
      ssh.injectSocket(socket);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const client = new ssh2.Client();
    const address = server.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    client.connect({ host: '127.0.0.1', port, username: 'anybody', algorithms: { cipher: [cipher] } });
    await expect.poll(() => eased, { timeout: 10_000 }).toEqual([true, true]);
    client.end();
    server.close();
  },
);
