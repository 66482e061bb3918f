import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { LOOPBACK } from '../stack/ports.ts';

/** Stands between a service and a server. While it is held nothing passes in either direction, and nobody is told. */
export interface Gate {
  readonly port: number;
  hold(): void;
  release(): void;
  /** Holds as soon as the service sends something that matches, before it is passed on. @returns when that has happened */
  holdAt(pattern: RegExp): Promise<void>;
  close(): Promise<void>;
}

/** @param port of the server */
export async function openGate(port: number): Promise<Gate> {
  const sockets = new Set<Socket>();
  /** What waits to be passed on, in order. */
  let waiting: (() => void)[] = [];
  let held = false;
  let trap: { readonly pattern: RegExp; readonly sprung: () => void } | undefined;

  function pass(from: Socket, send: () => void): void {
    if (!held) {
      send();
      return;
    }
    from.pause();
    waiting.push(send, () => from.resume());
  }

  const server = createServer((near) => {
    const far = connect(port, LOOPBACK);
    near.on('data', (chunk: Buffer) => {
      if (trap?.pattern.test(chunk.toString('latin1'))) {
        held = true;
        trap.sprung();
        trap = undefined;
      }
      pass(near, () => far.write(chunk));
    });
    far.on('data', (chunk: Buffer) => pass(far, () => near.write(chunk)));
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('end', () => pass(socket, () => other.end()));
      socket.on('close', () => {
        sockets.delete(socket);
        pass(socket, () => other.destroy());
      });
    }
  });
  server.listen(0, LOOPBACK);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the gate has no port');
  return {
    port: address.port,
    hold() {
      held = true;
    },
    release() {
      held = false;
      const sends = waiting;
      waiting = [];
      for (const send of sends) send();
    },
    holdAt(pattern) {
      const sprung = Promise.withResolvers<void>();
      trap = { pattern, sprung: sprung.resolve };
      return sprung.promise;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
