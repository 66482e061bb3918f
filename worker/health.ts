import { createServer, type Server } from 'node:http';

/** Answers `GET /healthz` on loopback: 200 while `healthy()` holds, 503 otherwise. */
export function serveHealth(port: number, healthy: () => boolean): Server {
  const server = createServer((request, response) => {
    if (request.url !== '/healthz') {
      response.writeHead(404).end();
      return;
    }
    const answer = { healthy: healthy() };
    response.writeHead(answer.healthy ? 200 : 503, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
  });
  return server.listen(port, '127.0.0.1');
}
