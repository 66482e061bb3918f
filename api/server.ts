import { createServer, type Server, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { ApiApp } from './http/mount.ts';
import { sendDownload } from './http/send-download.ts';

/** A listening API. */
export interface ApiServer {
  /** The port that it listens on; interesting when 0 was asked for. */
  readonly port: number;
  /** Accepts nothing more, and waits for what is under way, at most so many milliseconds; then connections are cut. */
  close(graceMs: number): Promise<void>;
}

/** Milliseconds between two looks at whether connections have become idle while the server closes. */
const IDLE_LOOK_MS = 50;

/** Listens. Rejects when the port is taken. @param port 0: any free one */
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
  // Never rejects: what fails becomes an answer or a cut connection.
  const server = createServer((incoming, outgoing) => void answer(incoming, outgoing));
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

/** For what is no HTTP request that a path could be read of, such as one without a host. */
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
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_LOOK_MS);
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearInterval(idle);
  clearTimeout(cut);
}
