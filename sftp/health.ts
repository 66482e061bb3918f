import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { explainListening } from '../config/logger.ts';

/** Seconds for Retry-After. */
const RETRY_SECONDS = '5';

/**
 * Answers on loopback: `GET /healthz` with 200, `GET /readyz` with 200 if `ready` holds, 503 otherwise.
 *
 * @returns the listening server. @throws SettingsError if the port is taken
 */
export async function serveHealth(port: number, ready: () => Promise<boolean>): Promise<Server> {
  async function answer(url: string, response: ServerResponse): Promise<void> {
    const isReady = url === '/healthz' || (await ready());
    if (!isReady) response.setHeader('retry-after', RETRY_SECONDS);
    response.writeHead(isReady ? 200 : 503, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ status: isReady ? 'ok' : 'not_ready' }));
  }

  const server = createServer(({ url }, response) => {
    if (url === '/healthz' || url === '/readyz') void answer(url, response);
    else response.writeHead(404).end();
  });
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch (error) {
    throw explainListening(error, port, 'WAYBILL_SFTP_HEALTH_PORT');
  }
  return server;
}
