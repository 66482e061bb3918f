/**
 * Passes a stream on until it ends or the signal aborts, also while the source is silent: then this throws the signal's
 * reason at once, and the source is closed as soon as it lets itself.
 */
export async function* interruptible<Item>(source: AsyncIterable<Item>, signal: AbortSignal): AsyncGenerator<Item> {
  const items = source[Symbol.asyncIterator]();
  let interrupt: (reason: unknown) => void = () => undefined;
  const onAbort = () => interrupt(signal.reason);
  signal.addEventListener('abort', onAbort);
  let waiting = false;
  try {
    for (;;) {
      signal.throwIfAborted();
      waiting = true;
      const next = await new Promise<IteratorResult<Item>>((resolve, reject) => {
        interrupt = reject;
        items.next().then(resolve, reject);
      });
      waiting = false;
      if (next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    const closing = items.return?.();
    // A generator closes only when its pending step has ended, which may be never; its error is not ours any more.
    if (waiting) closing?.catch(() => undefined);
    else await closing;
  }
}
