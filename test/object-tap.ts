import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { LOOPBACK } from '../stack/ports.ts';
import { closeAtEnd } from './cleanup.ts';

/** A proxy between a service and the object store that counts bytes. */
export interface ObjectTap {
  /** For `WAYBILL_OBJECTS_URL`. */
  readonly url: string;
  /** Bytes that the store has sent since the tap was opened, over all connections. */
  received(): number;
  /** Number of open connections that have carried more than this many bytes from the store since the mark. */
  busy(mark: Mark, bytes: number): number;
  mark(): Mark;
}

/** Bytes that each connection had carried at one moment. */
export type Mark = ReadonlyMap<Socket, number>;

/** @param target the object store's URL */
export async function openTap(target: string): Promise<ObjectTap> {
  const port = Number(new URL(target).port);
  const carried = new Map<Socket, number>();
  let received = 0;
  const server = createServer((near) => {
    const far = connect(port, LOOPBACK);
    carried.set(near, 0);
    far.on('data', (chunk: Buffer) => {
      received += chunk.length;
      carried.set(near, (carried.get(near) ?? 0) + chunk.length);
    });
    near.pipe(far).pipe(near);
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
    busy: (mark, bytes) => [...carried].filter(([socket, now]) => now - (mark.get(socket) ?? 0) > bytes).length,
  };
}
