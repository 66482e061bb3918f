/** Hands items over one at a time: the producer waits until the consumer requests the next one. */
export interface Handoff<Item> {
  /** Resolves when the item is no longer in use. @throws the error that the handoff was closed with */
  give(item: Item): Promise<void>;
  /** @returns the next item; `undefined` once closed without error. @throws the error it was closed with */
  take(): Promise<Item | undefined>;
  /** Ends both sides; only the first call counts. @param error `undefined`: everything was handed over */
  close(error?: unknown): void;
}

export function createHandoff<Item>(): Handoff<Item> {
  let offered: { readonly item: Item; readonly taken: PromiseWithResolvers<void> } | undefined;
  let inUse: PromiseWithResolvers<void> | undefined;
  let arrival = Promise.withResolvers<void>();
  let closed: { readonly error: unknown } | undefined;

  return {
    async give(item) {
      if (closed) throw closed.error ?? new Error('The consumer has stopped.');
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
 * Forwards a stream until it ends or the signal aborts. On abort it throws the signal's reason at once, even while the
 * source is silent, and closes the source as soon as possible.
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
    // A generator closes only after its pending step, which may never end; its error no longer matters.
    if (waiting) closing?.catch(() => undefined);
    else await closing;
  }
}
