import http from 'node:http';
import https from 'node:https';
import { Client, type ClientOptions } from 'minio';
import { free } from '../../streams/blocks.ts';

/** How to reach one bucket. */
export interface ObjectsOptions {
  /** `http://` or `https://`, host and, where it is not the default, port. */
  readonly url: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** Whether the bucket is in the path or in the host name. @default path */
  readonly addressing?: 'path' | 'virtual-host';
  /** Opens the connections. @default Node's own, shared with the whole process */
  readonly agent?: http.Agent;
  /** Bytes of the first parts of an upload; see `partBytes`. @minimum 5 MiB @default 16 MiB */
  readonly partBytes?: number;
  /** Milliseconds without a byte in either direction after which a request fails. @default 60000 */
  readonly silenceMilliseconds?: number;
}

/** Creates clients whose requests end when the signal aborts or the store goes silent. Connections are shared. */
export type Connect = (signal?: AbortSignal) => Client;

type Transport = NonNullable<ClientOptions['transport']>;

/** Statuses on which the client retries or throws without reading the body. Source: its request.ts. */
const UNREAD = new Set([408, 429, 499, 500, 502, 503, 504, 520]);

/** Source: Amazon S3 user guide, "Uploading objects". */
const PUT_BYTES_MAX = 5 * 1024 ** 3;

export function connector(options: ObjectsOptions, silenceMilliseconds: number): Connect {
  const url = new URL(options.url);
  const secure = url.protocol === 'https:';
  return (signal) =>
    new Client({
      endPoint: url.hostname,
      useSSL: secure,
      region: options.region,
      accessKey: options.accessKey,
      secretKey: options.secretKey,
      pathStyle: options.addressing !== 'virtual-host',
      // Larger than any body we send, so the client never splits one itself.
      partSize: PUT_BYTES_MAX,
      transport: transport(secure ? https.request : http.request, silenceMilliseconds, signal),
      // Retries only retryable responses (5xx, 429); a lost connection is left to the caller.
      retryOptions: { maximumRetryCount: 3, baseDelayMs: 200, maximumDelayMs: 2_000 },
      ...(url.port === '' ? {} : { port: Number(url.port) }),
      ...(options.agent && { transportAgent: options.agent }),
    });
}

function transport(send: typeof http.request, silenceMilliseconds: number, signal?: AbortSignal): Transport {
  function request(
    options: http.RequestOptions,
    onResponse: (response: http.IncomingMessage) => void,
  ): http.ClientRequest {
    let answer: http.IncomingMessage | undefined;
    const request = send({ ...options, timeout: silenceMilliseconds, ...(signal && { signal }) }, (response) => {
      answer = response;
      onResponse(response);
      // An unread body would hold its connection forever.
      if (UNREAD.has(response.statusCode ?? 0)) response.resume();
    });
    request.once('socket', (socket) => {
      // Runs after the parser's own listener, which has copied what it needs. `close` comes before the socket is lent again.
      socket.on('data', free);
      request.once('close', () => socket.off('data', free));
    });
    request.on('timeout', () => {
      // Unread bytes are buffered: the reader is slow, not the store.
      if (answer !== undefined && answer.readableLength > 0) request.setTimeout(silenceMilliseconds);
      else (answer ?? request).destroy(new StoreSilent(`no byte for ${silenceMilliseconds} ms`));
    });
    return request;
  }
  // The client calls the one overload that takes options and a listener.
  return { request: request as Transport['request'] };
}

class StoreSilent extends Error {
  override readonly name = 'StoreSilent';
}
