import type { Context } from 'hono';
import type { ApiEnv } from '../deps.ts';

/** Address of the peer that the connection comes from; `local` where there is no connection. Used to count failures. */
export function peerAddress(c: Context<ApiEnv>): string {
  return c.env?.incoming?.socket.remoteAddress ?? 'local';
}
