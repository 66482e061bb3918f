import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { explainListening } from '../config/logger.ts';

/** Seconds for Retry-After: a worker starts or stops within seconds. */
const RETRY_SECONDS = '5';

/**
 * Answers `GET /healthz` on loopback: 200 while `healthy()` holds, 503 otherwise.
 *
 * @returns the listening server. @throws SettingsError if the port is taken
 */
export async function serveHealth(port: number, healthy: () => boolean): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.url !== '/healthz') {
      response.writeHead(404).end();
      return;
    }
    const answer = { healthy: healthy() };
    if (!answer.healthy) response.setHeader('retry-after', RETRY_SECONDS);
    response.writeHead(answer.healthy ? 200 : 503, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
  });
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch (error) {
    throw explainListening(error, port, 'WAYBILL_WORKER_HEALTH_PORT');
  }
  return server;
}
