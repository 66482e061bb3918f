import type { ServerResponse } from 'node:http';

/**
 * Sends an answer whose body may use its memory again: each chunk has left this process before the next one is asked for,
 * so nothing is buffered here, and the source runs at the client's pace. When the body fails, the connection is cut: the
 * status is long sent, and a clean end would call half a file whole. When the client goes, the body is cancelled.
 */
export async function sendDownload(response: Response, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  const reader = response.body?.getReader();
  let close = () => {};
  const closed = new Promise<'closed'>((resolve) => {
    close = () => resolve('closed');
  });
  outgoing.once('close', close);
  if (outgoing.destroyed) close();
  try {
    for (;;) {
      const next = await Promise.race([reader?.read(), closed]);
      if (next === 'closed' || next === undefined || next.done) break;
      const flushed = new Promise((resolve) => {
        outgoing.write(next.value, resolve);
      });
      await Promise.race([flushed, closed]);
    }
    outgoing.end();
  } catch {
    // The body has logged it.
    outgoing.destroy();
  } finally {
    outgoing.off('close', close);
    if (outgoing.destroyed) await reader?.cancel().catch(() => undefined);
  }
}
