/** How long orders hold other work at most, in milliseconds: less than the heartbeat timeout of a step that waits. */
const HOLD_MAX_MS = 5_000;

/** An order whose next step may still begin holds other work for so long, in milliseconds. */
const BETWEEN_STEPS_MS = 500;

/** Orders that somebody waits for go before other work of this process, so that they do not share the processor with it. */
export interface Precedence {
  /** A step of an order begins. @returns what is called once, when it ends */
  begin(): () => void;
  /** Whether other work should not begin now. */
  readonly holds: boolean;
  /** Resolves when other work may begin. */
  released(): Promise<void>;
}

/**
 * Other work is held from the first step of an order until there has been none for half a second, and for five seconds at most:
 * beside a long order, or a steady stream of them, it is done as well.
 */
export function createPrecedence(): Precedence {
  let running = 0;
  let isOver: NodeJS.Timeout | undefined;
  let hold: { readonly released: PromiseWithResolvers<void>; readonly limit: NodeJS.Timeout } | undefined;
  let isLong = false;

  function release(): void {
    clearTimeout(hold?.limit);
    hold?.released.resolve();
    hold = undefined;
  }
  return {
    get holds() {
      return hold !== undefined;
    },
    released: () => hold?.released.promise ?? Promise.resolve(),
    begin() {
      clearTimeout(isOver);
      running += 1;
      if (!hold && !isLong) {
        const limit = setTimeout(() => {
          isLong = true;
          release();
        }, HOLD_MAX_MS).unref();
        hold = { released: Promise.withResolvers(), limit };
      }
      return () => {
        running -= 1;
        if (running > 0) return;
        isOver = setTimeout(() => {
          isLong = false;
          release();
        }, BETWEEN_STEPS_MS).unref();
      };
    },
  };
}
