import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';

/** A response as received, complete or not. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  /** Whether it ended by the rules of HTTP: after its length, or with the last chunk. */
  readonly complete: boolean;
}

/** Opens a download for the caller to read or to drop. */
export async function openDownload(url: string, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
  // Its own connection, because the next request must not get a broken one.
  const asking = request(url, { headers, agent: false });
  asking.end();
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  return answer;
}

/** Reads a download to its end, complete or not. @throws Error only if there was no response */
export async function readDownload(url: string, headers: Readonly<Record<string, string>>): Promise<RawAnswer> {
  const answer = await openDownload(url, headers);
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of answer) chunks.push(chunk as Buffer);
  } catch (error) {
    if (answer.complete) throw error;
  }
  const { statusCode: status = 0, complete } = answer;
  return { status, headers: answer.headers, body: Buffer.concat(chunks), complete };
}
