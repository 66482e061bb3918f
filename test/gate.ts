import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { LOOPBACK } from '../stack/ports.ts';
import { closeAtEnd } from './cleanup.ts';

/** A request that a gate has stopped. */
export interface StoppedRequest {
  /** Resolves when the service has closed the connection of the request. */
  readonly givenUp: Promise<void>;
}

/** A proxy between a service and a server. While it is held, nothing passes in either direction, and connections stay open. */
export interface Gate {
  /** Host and port. */
  readonly address: string;
  hold(): void;
  /** Holds, and closes the connections to the server: it notices that the service is gone, and the service does not. */
  cutOff(): void;
  /** @returns the first line of the response to the request that {@link holdAt} stopped last */
  release(): Promise<string>;
  /**
   * Stops every matching request before it reaches the server. Once requests for this many paths are stopped, holds
   * everything. The pattern's first group matches the path.
   *
   * @returns the last of these requests, when it is stopped
   */
  holdAt(pattern: RegExp, paths?: number): Promise<StoppedRequest>;
}

interface Trap {
  readonly pattern: RegExp;
  readonly paths: number;
  readonly seen: Set<string>;
  readonly onLast: (request: StoppedRequest) => void;
}

/** @param port of the server */
export async function openGate(port: number): Promise<Gate> {
  const sockets = new Set<Socket>();
  /** Connections to the server. */
  const servers = new Set<Socket>();
  /** Data and connection ends to pass on, in order. */
  let waiting: (() => void)[] = [];
  let held = false;
  let trap: Trap | undefined;
  /** Connections from the service whose requests are stopped. */
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
    servers.add(far);
    far.on('close', () => servers.delete(far));
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

  /** Holds everything if this is the last request to stop. */
  function holdAfterLast(near: Socket, path: string): void {
    trap?.seen.add(path);
    if (trap === undefined || trap.seen.size < trap.paths) return;
    held = true;
    // `once` of node:events would reject when the connection is reset, possibly unhandled.
    trap.onLast({ givenUp: new Promise((resolve) => near.once('close', () => resolve())) });
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
        // The server closes idle connections, so the stopped request gets a new one.
        far.removeAllListeners('close').destroy();
        waiting.push(() => {
          far = join(near, answered);
        });
        holdAfterLast(near, found[1] ?? '');
      }
      pass(near, () => far.write(chunk));
    });
    near.on('close', () => pass(near, () => far.destroy()));
  });
  server.listen(0, LOOPBACK);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the gate has no port');
  closeAtEnd(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return {
    address: `${LOOPBACK}:${address.port}`,
    hold() {
      held = true;
    },
    cutOff() {
      held = true;
      for (const far of servers) far.destroy();
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
      const last = Promise.withResolvers<StoppedRequest>();
      trap = { pattern, paths, seen: new Set(), onLast: last.resolve };
      return last.promise;
    },
  };
}

/** Lets this many matching requests pass and holds everything at the next one. @returns when it is stopped */
export async function holdAfter(gate: Gate, pattern: RegExp, count: number): Promise<void> {
  for (let passed = 0; passed < count; passed += 1) {
    await gate.holdAt(pattern);
    void gate.release();
  }
  await gate.holdAt(pattern);
}
