import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import { WebhookEventBody } from '../contracts/views/webhooks.ts';
import { LOOPBACK } from '../stack/ports.ts';
import { closeAtEnd } from './cleanup.ts';
import { waitUntil } from './wait-until.ts';

/** A request to a receiver. */
export interface ReceivedWebhook {
  readonly path: string;
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly event: ReceivedEvent;
}

export interface ReceivedEvent {
  readonly type: string;
  readonly timestamp: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests compare it with what they expect
  readonly data: any;
}

/** Answers a request. */
type Respond = (request: ReceivedWebhook, answer: ServerResponse) => void;

export const withStatus =
  (status: number, headers: Readonly<Record<string, string>> = {}): Respond =>
  (_, answer) =>
    void answer.writeHead(status, headers).end('what a receiver says');

/** A tenant's own server for webhooks, on loopback. Answers 204 at first. */
export async function startReceiver() {
  const received: ReceivedWebhook[] = [];
  let respond = withStatus(204);
  async function receive(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const body = await text(request);
    const { headers, url: path = '' } = request;
    const one = { path, id: String(headers['webhook-id']), headers, body, event: JSON.parse(body) };
    received.push(one);
    respond(one, answer);
  }
  const server = createServer((request, answer) => void receive(request, answer));
  let port = 0;
  const listen = () => new Promise<void>((done) => server.listen(port, LOOPBACK, done));
  await listen();
  const address = server.address();
  port = typeof address === 'object' && address ? address.port : 0;
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
  closeAtEnd(stop);
  const matching = (type: string, path?: string) =>
    received.filter((one) => one.event.type === type && (path === undefined || one.path === path));

  return {
    url: `http://${LOOPBACK}:${port}`,
    received,
    matching,
    respond(next: Respond) {
      respond = next;
    },
    stop,
    listen,
    /** Waits for requests of this type. @returns all of them */
    until: (type: string, count = 1, path?: string, seconds = 60) =>
      waitUntil(
        async () => matching(type, path),
        (found) => found.length >= count,
        seconds,
      ),
  };
}

/** Checks the signature as a receiver does, and the event against the OpenAPI document. @throws Error if it does not hold */
export function verified(secret: string, { body, headers }: ReceivedWebhook): ReceivedEvent {
  const event = new Webhook(secret).verify(body, headers as Record<string, string>) as ReceivedEvent;
  if (event.type.startsWith('export.')) WebhookEventBody.parse(event);
  return event;
}
