import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { LOOPBACK } from '../stack/ports.ts';

/** Stands between a service and a server. While it is held nothing passes in either direction, and nobody is told. */
export interface Gate {
  readonly port: number;
  hold(): void;
  /** @returns once the server has answered what {@link holdAt} stopped; at once where that stopped nothing */
  release(): Promise<void>;
  /**
   * Holds as soon as the service has sent something that matches: the head of a request, whose body then waits. A server
   * ends a connection on which no request has begun.
   *
   * @returns when that has happened
   */
  holdAt(pattern: RegExp): Promise<void>;
  close(): Promise<void>;
}

/** @param port of the server */
export async function openGate(port: number): Promise<Gate> {
  const sockets = new Set<Socket>();
  /** What waits to be passed on, in order. */
  let waiting: (() => void)[] = [];
  let held = false;
  /** The connection that the trap stopped, and what its answer resolves. */
  let stopped: { readonly near: Socket; readonly answered: PromiseWithResolvers<void> } | undefined;
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
      pass(near, () => far.write(chunk));
      if (trap?.pattern.test(chunk.toString('latin1'))) {
        held = true;
        stopped = { near, answered: Promise.withResolvers() };
        trap.sprung();
        trap = undefined;
      }
    });
    far.on('data', (chunk: Buffer) => {
      if (stopped?.near === near) stopped.answered.resolve();
      pass(far, () => near.write(chunk));
    });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('end', () => pass(socket, () => other.end()));
      socket.on('close', () => {
        sockets.delete(socket);
        if (stopped?.near === near) stopped.answered.reject(new Error('the connection ended without an answer'));
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
    async release() {
      held = false;
      const sends = waiting;
      waiting = [];
      for (const send of sends) send();
      await stopped?.answered.promise;
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
