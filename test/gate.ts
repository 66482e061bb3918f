import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { LOOPBACK } from '../stack/ports.ts';

/** Stands between a service and a server. While it is held nothing passes in either direction, and nobody is told. */
export interface Gate {
  readonly port: number;
  hold(): void;
  /** @returns once the server has answered what {@link holdAt} stopped, with the first line of its answer */
  release(): Promise<string>;
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
  /** The answer to what the trap stopped. */
  let answer: PromiseWithResolvers<string> | undefined;

  function pass(from: Socket, send: () => void): void {
    if (!held) {
      send();
      return;
    }
    from.pause();
    waiting.push(send, () => from.resume());
  }

  function keep(socket: Socket): Socket {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    return socket;
  }

  /** Connects the service with the server. */
  function join(near: Socket, answered?: PromiseWithResolvers<string>): Socket {
    const far = keep(connect(port, LOOPBACK));
    far.on('data', (chunk: Buffer) => {
      answered?.resolve(chunk.toString('latin1').split('\r\n', 1)[0] ?? '');
      pass(far, () => near.write(chunk));
    });
    far.on('close', () => {
      answered?.reject(new Error('the connection ended without an answer'));
      pass(far, () => near.destroy());
    });
    return far;
  }

  const server = createServer((near) => {
    let far = join(keep(near));
    near.on('data', (chunk: Buffer) => {
      if (trap?.pattern.test(chunk.toString('latin1'))) {
        held = true;
        const stopped = Promise.withResolvers<string>();
        answer = stopped;
        trap.sprung();
        trap = undefined;
        // The server ends a connection on which it hears nothing for long; what was stopped gets a new one.
        far.removeAllListeners('close').destroy();
        waiting.push(() => {
          far = join(near, stopped);
        });
      }
      pass(near, () => far.write(chunk));
    });
    near.on('close', () => pass(near, () => far.destroy()));
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
      return answer?.promise ?? Promise.resolve('');
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
