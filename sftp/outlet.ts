import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Connection, ServerChannel } from 'ssh2';
import type { Wire } from './wire.ts';

/** Bytes that may wait in the socket; more are written only once they have left. */
const SOCKET_BYTES_MAX = 1024 * 1024;

/** Writes to a channel at the pace of the client. */
export interface Outlet {
  /**
   * Calls must not overlap.
   *
   * @param bytes may be used again when this has returned
   * @returns once little of the bytes is still held by this process. @throws if the connection ends, or makes no progress
   */
  write(bytes: Buffer): Promise<void>;
}

/**
 * A channel alone is no brake: it holds back only what the client's window does not admit, which may be 2 GiB, while the
 * socket's buffer grows; and during a key exchange it accepts everything and queues it. So this waits for both.
 *
 * @param options.ended aborts when the connection ends
 * @param options.stallMs milliseconds that one write may take
 * @param options.rekeyBytes bytes after which keys are exchanged again
 */
export function createOutlet(options: {
  readonly connection: Connection;
  readonly channel: ServerChannel;
  readonly socket: Socket;
  readonly wire: Wire;
  readonly ended: AbortSignal;
  readonly stallMs: number;
  readonly rekeyBytes: number;
}): Outlet {
  const { connection, channel, socket, wire, ended, stallMs, rekeyBytes } = options;
  let sinceRekey = 0;

  return {
    async write(bytes) {
      ended.throwIfAborted();
      const taken = Promise.withResolvers<void>();
      const before = wire.heldBytes();
      channel.write(bytes, (error) => (error ? taken.reject(error) : taken.resolve()));
      const awaitsWindow = channel.writableLength > 0;
      const isQueued = !awaitsWindow && wire.heldBytes() === before;
      if (awaitsWindow || isQueued || wire.heldBytes() > SOCKET_BYTES_MAX) {
        const signal = AbortSignal.any([ended, AbortSignal.timeout(stallMs)]);
        if (isQueued) await once(connection, 'handshake', { signal });
        else await Promise.race([taken.promise, rejection(signal)]);
        if (wire.heldBytes() > SOCKET_BYTES_MAX) await once(socket, 'drain', { signal });
      }
      sinceRekey += bytes.length;
      if (sinceRekey < rekeyBytes) return;
      sinceRekey = 0;
      connection.rekey();
    },
  };
}

function rejection(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  if (signal.aborted) reject(signal.reason);
  else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  return promise;
}
