import type { Context } from 'hono';
import type { ApiEnv } from '../deps.ts';

/**
 * Turns a source into a response body that is pulled at the client's pace. When the client goes, the signal aborts and
 * the source ends. When the source fails, the connection is cut: the status is long sent, and a clean end would
 * call half a file whole.
 *
 * Pulls the first chunk before it returns, so that what fails at once is still an answer.
 *
 * @param gone aborted here when nobody reads any more
 */
export async function streamBody(
  c: Context<ApiEnv>,
  source: AsyncIterable<Uint8Array>,
  gone: AbortController,
): Promise<ReadableStream<Uint8Array>> {
  const iterator = source[Symbol.asyncIterator]();
  let next: IteratorResult<Uint8Array> | undefined = await iterator.next();
  const outgoing = c.env?.outgoing;
  const logger = c.get('logger');
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = next ?? (await iterator.next());
        next = undefined;
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        gone.abort();
        logger.error({ err: error }, 'a download was cut');
        // Given the error, the server would write its text behind the bytes that were sent.
        if (outgoing) {
          outgoing.destroy();
          controller.close();
        } else controller.error(error);
      }
    },
    async cancel() {
      gone.abort();
      await iterator.return?.();
    },
  });
}
