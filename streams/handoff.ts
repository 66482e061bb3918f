/** Hands items over one at a time: the giver waits until the taker asks for the next. */
export interface Handoff<Item> {
  /** Resolves when the item is no longer in use. @throws what the handoff was closed with */
  give(item: Item): Promise<void>;
  /** @returns the next item; `undefined` once it was closed without error. @throws what it was closed with */
  take(): Promise<Item | undefined>;
  /** Ends both sides; only the first call counts. @param error `undefined`: all was given */
  close(error?: unknown): void;
}

export function createHandoff<Item>(): Handoff<Item> {
  let offered: { readonly item: Item; readonly taken: PromiseWithResolvers<void> } | undefined;
  let inUse: PromiseWithResolvers<void> | undefined;
  let arrival = Promise.withResolvers<void>();
  let closed: { readonly error: unknown } | undefined;

  return {
    async give(item) {
      if (closed) throw closed.error ?? new Error('Nobody takes any more.');
      offered = { item, taken: Promise.withResolvers() };
      arrival.resolve();
      await offered.taken.promise;
    },

    async take() {
      inUse?.resolve();
      inUse = undefined;
      await arrival.promise;
      if (offered) {
        const { item, taken } = offered;
        offered = undefined;
        inUse = taken;
        if (!closed) arrival = Promise.withResolvers();
        return item;
      }
      if (closed?.error !== undefined) throw closed.error;
      return undefined;
    },

    close(error) {
      if (closed) return;
      closed = { error };
      if (error !== undefined) {
        offered?.taken.reject(error);
        offered?.taken.promise.catch(() => undefined);
        offered = undefined;
        inUse?.resolve();
      }
      arrival.resolve();
    },
  };
}

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
