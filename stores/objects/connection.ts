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
  /** Bytes of the first parts of an upload; see `partBytes`. @minimum 5 MiB @default 16 MiB */
  readonly partBytes?: number;
  /** Milliseconds without a byte from the store or to it, after which a request has failed. @default 60000 */
  readonly silenceMilliseconds?: number;
}

/** Makes clients whose requests end when the signal aborts, or when the store falls silent. Connections are shared. */
export type Connect = (signal?: AbortSignal) => Client;

type Transport = NonNullable<ClientOptions['transport']>;

/** Statuses that the client answers with a retry, or an error, without reading the body. Source: its request.ts. */
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
      pathStyle: true,
      // Larger than any body of ours: the client never splits one by itself.
      partSize: PUT_BYTES_MAX,
      transport: transport(secure ? https.request : http.request, silenceMilliseconds, signal),
      // Only answers that invite a retry (5xx, 429) are retried here; a lost connection is left to the caller.
      retryOptions: { maximumRetryCount: 3, baseDelayMs: 200, maximumDelayMs: 2_000 },
      ...(url.port === '' ? {} : { port: Number(url.port) }),
    });
}

function transport(send: typeof http.request, silenceMilliseconds: number, signal?: AbortSignal): Transport {
  function request(
    options: http.RequestOptions,
    onResponse: (response: http.IncomingMessage) => void,
  ): http.ClientRequest {
    let answer: http.IncomingMessage | undefined;
    const asking = send({ ...options, timeout: silenceMilliseconds, ...(signal && { signal }) }, (response) => {
      answer = response;
      onResponse(response);
      // An unread body would hold its connection for ever.
      if (UNREAD.has(response.statusCode ?? 0)) response.resume();
    });
    asking.once('socket', (socket) => {
      // Comes after the parser's own listener, which has copied what it wants. `close` comes before the socket is lent again.
      socket.on('data', free);
      asking.once('close', () => socket.off('data', free));
    });
    asking.on('timeout', () => {
      // Bytes that wait to be read: the reader is slow, not the store.
      if (answer !== undefined && answer.readableLength > 0) asking.setTimeout(silenceMilliseconds);
      else (answer ?? asking).destroy(new StoreSilent(`no byte for ${silenceMilliseconds} ms`));
    });
    return asking;
  }
  // The client calls the one overload that takes options and a listener.
  return { request: request as Transport['request'] };
}

class StoreSilent extends Error {
  override readonly name = 'StoreSilent';
}
