import type { Context } from 'hono';
import type { ApiEnv } from '../deps.ts';

/**
 * Turns a source into a response body that is pulled at the client's pace. When the client goes, the signal aborts and
 * the source ends. When the source fails, so does the body.
 *
 * Pulls the first chunk before it returns, so that what fails at once is still an answer.
 *
 * @param source its chunks need only be valid until the next one is asked for, and so it is with those of the body
 * @param gone aborted here when nobody reads any more
 */
export async function streamBody(
  c: Context<ApiEnv>,
  source: AsyncIterable<Uint8Array>,
  gone: AbortController,
): Promise<ReadableStream<Uint8Array>> {
  const iterator = source[Symbol.asyncIterator]();
  let next: IteratorResult<Uint8Array> | undefined = await iterator.next();
  const logger = c.get('logger');
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = next ?? (await iterator.next());
          next = undefined;
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          gone.abort();
          logger.error({ err: error }, 'a download was cut');
          controller.error(error);
        }
      },
      async cancel() {
        gone.abort();
        await iterator.return?.();
      },
    },
    // Nothing is read ahead: the chunk before is still in use.
    { highWaterMark: 0 },
  );
}
