import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { LOOPBACK } from '../stack/ports.ts';

/** A request that a gate has stopped. */
export interface StoppedRequest {
  /** Resolves when the service has closed the connection of the request. */
  readonly givenUp: Promise<void>;
}

/** A proxy between a service and a server. While it is held nothing passes in either direction, and nobody is told. */
export interface Gate {
  readonly port: number;
  hold(): void;
  /** @returns once the server has answered the request that {@link holdAt} stopped last, with the first line of its answer */
  release(): Promise<string>;
  /**
   * Stops every request that matches, before the server sees it, and holds everything from the time on when requests for
   * so many paths are stopped. A path is what the pattern's first group matches.
   *
   * @returns when that has happened, the last of the requests
   */
  holdAt(pattern: RegExp, paths?: number): Promise<StoppedRequest>;
  close(): Promise<void>;
}

interface Trap {
  readonly pattern: RegExp;
  readonly paths: number;
  readonly seen: Set<string>;
  readonly sprung: (request: StoppedRequest) => void;
}

/** @param port of the server */
export async function openGate(port: number): Promise<Gate> {
  const sockets = new Set<Socket>();
  /** What waits to be passed on, in order. */
  let waiting: (() => void)[] = [];
  let held = false;
  let trap: Trap | undefined;
  /** Near ends of the requests that are stopped. */
  const stopped = new Set<Socket>();
  /** The answer to the request that was stopped last. */
  let answer: Promise<string> | undefined;

  function pass(near: Socket, send: () => void): void {
    if (held || stopped.has(near)) waiting.push(send);
    else send();
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
      pass(near, () => near.writable && near.write(chunk));
    });
    far.on('close', () => {
      answered?.reject(new Error('the connection ended without an answer'));
      pass(near, () => near.destroy());
    });
    return far;
  }

  /** Springs the trap if this is the last request that it waits for. */
  function spring(near: Socket, path: string): void {
    trap?.seen.add(path);
    if (trap === undefined || trap.seen.size < trap.paths) return;
    held = true;
    // Unlike `once` of node:events, this does not reject when the connection is reset, which nobody may be waiting for.
    trap.sprung({ givenUp: new Promise((resolve) => near.once('close', () => resolve())) });
    trap = undefined;
  }

  const server = createServer((near) => {
    let far = join(keep(near));
    near.on('data', (chunk: Buffer) => {
      const found = trap?.pattern.exec(chunk.toString('latin1'));
      if (found) {
        stopped.add(near);
        const answered = Promise.withResolvers<string>();
        // Only a test that awaits the answer needs one.
        answered.promise.catch(() => undefined);
        answer = answered.promise;
        // The server ends a connection on which it hears nothing for long; what was stopped gets a new one.
        far.removeAllListeners('close').destroy();
        waiting.push(() => {
          far = join(near, answered);
        });
        spring(near, found[1] ?? '');
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
      trap = undefined;
      stopped.clear();
      const sends = waiting;
      waiting = [];
      for (const send of sends) send();
      return answer ?? Promise.resolve('');
    },
    holdAt(pattern, paths = 1) {
      const sprung = Promise.withResolvers<StoppedRequest>();
      trap = { pattern, paths, seen: new Set(), sprung: sprung.resolve };
      return sprung.promise;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Lets so many requests that match pass, and holds everything at the next one. @returns when that has happened */
export async function holdAfter(gate: Gate, pattern: RegExp, count: number): Promise<void> {
  for (let passed = 0; passed < count; passed += 1) {
    await gate.holdAt(pattern);
    void gate.release();
  }
  await gate.holdAt(pattern);
}
