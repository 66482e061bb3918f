import type { ServerResponse } from 'node:http';

/**
 * Sends an answer whose body may use its memory again: each chunk has left this process before the next one is asked for,
 * so nothing is buffered here, and the source runs at the client's pace. When the body fails, the connection is cut: the
 * status is long sent, and a clean end would call half a file whole. When the client goes, the body is cancelled.
 */
export async function sendDownload(response: Response, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  const reader = response.body?.getReader();
  const untilClosed = closing(outgoing);
  try {
    while (reader) {
      const next = await untilClosed(reader.read());
      if (next === undefined || next.done) break;
      await untilClosed(
        new Promise((resolve) => {
          outgoing.write(next.value, resolve);
        }),
      );
    }
    outgoing.end();
  } catch {
    // The body has logged it.
    outgoing.destroy();
  } finally {
    if (outgoing.destroyed) await reader?.cancel().catch(() => undefined);
  }
}

/**
 * @returns what waits for one thing at a time, and gives `undefined` at once when the client goes. Not by a race against
 *   one promise: that would hold on to every chunk until the end.
 */
function closing(outgoing: ServerResponse): <Value>(work: Promise<Value>) => Promise<Value | undefined> {
  let closed = outgoing.destroyed;
  let leave = () => {};
  outgoing.once('close', () => {
    closed = true;
    leave();
  });
  return (work) =>
    new Promise((resolve, reject) => {
      leave = () => resolve(undefined);
      if (closed) leave();
      work.then(resolve, reject);
    });
}
