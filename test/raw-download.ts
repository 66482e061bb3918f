import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';

/** An answer as it came over the wire, whether or not it came to its end. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  /** Whether the answer ended as HTTP says: by its length, or by its last chunk. */
  readonly complete: boolean;
}

/** Opens a download and leaves it to the caller to read or to drop. */
export async function openDownload(url: string, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
  // A connection of its own: an answer that was cut must not be met by the next request.
  const asking = request(url, { headers, agent: false });
  asking.end();
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  return answer;
}

/** Reads a download to its end, good or bad. @throws Error only when there was no answer at all */
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
