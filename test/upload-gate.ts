import { once } from 'node:events';
import { type ClientRequest, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { LOOPBACK } from '../stack/ports.ts';
import { closeAtEnd } from './cleanup.ts';

/** A proxy between a worker and the object store that holds some requests back; all others pass. */
export interface UploadGate {
  /** For `WAYBILL_OBJECTS_URL`. */
  readonly url: string;
  /** Holds back every request whose method and path match, until {@link release}. @returns the path of the first one, when it came */
  hold(pattern: RegExp): Promise<string>;
  release(): void;
}

/** @param target the object store's URL */
export async function openUploadGate(target: string): Promise<UploadGate> {
  const { hostname, port } = new URL(target);
  let held: { readonly pattern: RegExp; readonly first: PromiseWithResolvers<string> } | undefined;
  const waiting: (() => void)[] = [];

  function pass(incoming: IncomingMessage, answer: ServerResponse): void {
    const { method, url, rawHeaders } = incoming;
    const outgoing: ClientRequest = request({ hostname, port, method, path: url, agent: false });
    // As they were signed, the host's name included.
    for (let at = 0; at < rawHeaders.length; at += 2)
      outgoing.setHeader(rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '');
    outgoing.on('response', (response) => {
      answer.writeHead(response.statusCode ?? 502, response.rawHeaders);
      response.on('error', () => answer.destroy());
      response.pipe(answer);
    });
    outgoing.on('error', () => answer.destroy());
    incoming.on('error', () => outgoing.destroy());
    answer.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  }

  const server = createServer((incoming, answer) => {
    const path = `${incoming.method} ${incoming.url}`;
    if (!held?.pattern.test(path)) return pass(incoming, answer);
    held.first.resolve(incoming.url ?? '');
    waiting.push(() => {
      // Whoever gave up meanwhile has sent nothing.
      if (!answer.destroyed) pass(incoming, answer);
    });
  }).listen(0, LOOPBACK);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the gate has no port');
  closeAtEnd(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return {
    url: `http://${LOOPBACK}:${address.port}`,
    hold(pattern) {
      held = { pattern, first: Promise.withResolvers<string>() };
      return held.first.promise;
    },
    release() {
      held = undefined;
      for (const resume of waiting.splice(0)) resume();
    },
  };
}
