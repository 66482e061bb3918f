import { createServer, type Server, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { ApiApp } from './openapi.ts';

/** A listening API. */
export interface ApiServer {
  /** The actual port, also if 0 was requested. */
  readonly port: number;
  /** Stops accepting, waits up to `graceMs` milliseconds for requests in progress, then closes all connections. */
  close(graceMs: number): Promise<void>;
}

/** Interval between attempts to close idle connections while the server closes, in milliseconds. */
const IDLE_POLL_MS = 50;

/**
 * A request must have arrived, its body included, within 30 s; Node answers a later one with 408. So a sender that drips
 * holds a connection no longer. An idle connection is kept for longer than load balancers keep it, 60 s: one that reuses a connection
 * which is just being closed gets no answer.
 */
const TIMEOUTS = {
  headersTimeout: 15_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 5_000,
};

/** How long a download may wait for a client that takes nothing, in milliseconds. */
const STALLED_MS = 60_000;
/** Interval at which a waiting download is checked, in milliseconds. */
const STALL_CHECK_MS = 5_000;

/** Starts to listen; rejects if the port is in use. @param port 0: any free port */
export async function listen(app: ApiApp, host: string, port: number): Promise<ApiServer> {
  const answer = getRequestListener(
    async (request, env) => {
      const response = await app.fetch(request, env);
      const { outgoing } = env;
      const isDownload = response.headers.has('Content-Disposition');
      if (!isDownload || !(outgoing instanceof ServerResponse)) return response;
      await sendDownload(response, outgoing);
      return RESPONSE_ALREADY_SENT;
    },
    { errorHandler: () => badRequest() },
  );
  // Never rejects: a failure becomes a response or closes the connection.
  const server = createServer(TIMEOUTS, (incoming, outgoing) => void answer(incoming, outgoing));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: (graceMs) => close(server, graceMs),
  };
}

/** Response to a request without a valid URL, for example without a host. */
function badRequest(): Response {
  const problem = {
    type: 'about:blank',
    title: 'Bad Request',
    status: 400,
    detail: 'This is not a valid HTTP request.',
  };
  return new Response(JSON.stringify(problem), {
    status: 400,
    headers: { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store' },
  });
}

async function close(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_POLL_MS);
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearInterval(idle);
  clearTimeout(cut);
}

/**
 * Sends a response whose body may reuse its memory: each chunk is flushed before the next one is read, so nothing is
 * buffered, and the source runs at the client's pace. If the body fails, the connection is closed, because the status has
 * been sent and a normal end would make a partial file look complete. If the client disconnects, the body is cancelled.
 */
export async function sendDownload(response: Response, outgoing: ServerResponse): Promise<void> {
  cutWhenStalled(outgoing);
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  const reader = response.body?.getReader();
  const untilClosed = closing(outgoing);
  try {
    while (reader) {
      const next = await untilClosed(reader.read());
      if (next === undefined || next.done) break;
      await untilClosed(
        new Promise((resolve) => {
          outgoing.write(next.value, resolve);
        }),
      );
    }
    outgoing.end();
  } catch {
    // The body logs its failure.
    outgoing.destroy();
  } finally {
    if (outgoing.destroyed) await reader?.cancel().catch(() => undefined);
  }
}

/**
 * Closes the connection of a client that has taken nothing for 60 to 65 s. Node's socket timer fires once no byte has left
 * for one interval, also within one chunk; while bytes leave, it starts again without an event.
 */
function cutWhenStalled(outgoing: ServerResponse): void {
  let stalledMs = 0;
  let checkedAt = 0;
  const check = () => {
    const now = performance.now();
    const hasMoved = now - checkedAt > 1.5 * STALL_CHECK_MS;
    checkedAt = now;
    stalledMs = hasMoved ? STALL_CHECK_MS : stalledMs + STALL_CHECK_MS;
    if (stalledMs >= STALLED_MS) outgoing.destroy();
    else outgoing.setTimeout(STALL_CHECK_MS);
  };
  outgoing.setTimeout(STALL_CHECK_MS, check);
}

/**
 * @returns a function that awaits one promise at a time, and resolves to `undefined` as soon as the client disconnects.
 *   Not a race against one promise, which would keep every chunk in memory until the end.
 */
function closing(outgoing: ServerResponse): <Value>(work: Promise<Value>) => Promise<Value | undefined> {
  let closed = outgoing.destroyed;
  let leave = () => {};
  outgoing.once('close', () => {
    closed = true;
    leave();
  });
  return (work) =>
    new Promise((resolve, reject) => {
      leave = () => resolve(undefined);
      if (closed) leave();
      work.then(resolve, reject);
    });
}
