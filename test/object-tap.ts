import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { Transform } from 'node:stream';
import { LOOPBACK } from '../stack/ports.ts';
import { closeAtEnd } from './cleanup.ts';

/** A proxy between a service and the object store that counts bytes, and can stop at one. */
export interface ObjectTap {
  /** For `WAYBILL_OBJECTS_URL`. */
  readonly url: string;
  /** Bytes that the store has sent since the tap was opened, over all connections. */
  received(): number;
  /** Number of open connections that have carried more than this many bytes from the store since the mark. */
  busy(mark: Mark, bytes: number): number;
  mark(): Mark;
  /**
   * Passes this many more bytes on to the store, over all connections, then none, until {@link pass}. What it holds back is lost.
   *
   * @returns when it has stopped
   */
  stopAfter(bytes: number): Promise<void>;
  pass(): void;
}

/** Bytes that each connection had carried at one moment. */
export type Mark = ReadonlyMap<Socket, number>;

/** @param target the object store's URL */
export async function openTap(target: string): Promise<ObjectTap> {
  const port = Number(new URL(target).port);
  const carried = new Map<Socket, number>();
  let received = 0;
  /** Bytes that may still pass to the store. */
  let allowed = Infinity;
  let stopped: (() => void) | undefined;

  /** Passes on what is allowed. Never ends a chunk that it has cut. */
  const limit = () =>
    new Transform({
      transform(chunk: Buffer, _encoding, done) {
        if (chunk.length <= allowed) {
          allowed -= chunk.length;
          done(null, chunk);
          return;
        }
        this.push(chunk.subarray(0, allowed));
        allowed = 0;
        stopped?.();
      },
    });

  const server = createServer((near) => {
    const far = connect(port, LOOPBACK);
    carried.set(near, 0);
    far.on('data', (chunk: Buffer) => {
      received += chunk.length;
      carried.set(near, (carried.get(near) ?? 0) + chunk.length);
    });
    near.pipe(limit()).pipe(far).pipe(near);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.on('error', () => other.destroy());
      socket.on('close', () => other.destroy());
    }
    near.on('close', () => carried.delete(near));
  });
  server.listen(0, LOOPBACK);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the tap has no port');
  closeAtEnd(async () => {
    for (const socket of carried.keys()) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return {
    url: `http://${LOOPBACK}:${address.port}`,
    received: () => received,
    mark: () => new Map(carried),
    stopAfter(bytes) {
      allowed = bytes;
      return new Promise((resolve) => {
        stopped = resolve;
      });
    },
    pass() {
      allowed = Infinity;
    },
    busy: (mark, bytes) => [...carried].filter(([socket, now]) => now - (mark.get(socket) ?? 0) > bytes).length,
  };
}
