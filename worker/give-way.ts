import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { PRIORITIES } from '../contracts/task-queues.ts';

/** How long a step waits for orders at most, in milliseconds: less than its heartbeat timeout, and it is done at last. */
const WAIT_MAX_MS = 3_000;

/** An order whose next step may still begin holds others off for so long, in milliseconds. */
const BETWEEN_STEPS_MS = 500;

/**
 * Makes steps of other runs wait while a step of an order runs in this process: Temporal hands out the order's steps first,
 * but they would share the processor with a hundred others. Steps that are running are not stopped.
 */
export function createGiveWay(): ActivityInterceptorsFactory {
  let running = 0;
  let timer: NodeJS.Timeout | undefined;
  let busy: PromiseWithResolvers<void> | undefined;

  function begin(): void {
    clearTimeout(timer);
    running += 1;
    busy ??= Promise.withResolvers();
  }
  function end(): void {
    running -= 1;
    if (running > 0) return;
    timer = setTimeout(() => {
      busy?.resolve();
      busy = undefined;
    }, BETWEEN_STEPS_MS).unref();
  }

  return ({ info }) => ({
    inbound: {
      async execute(input, next) {
        if (info.priority?.priorityKey !== PRIORITIES.interactive) {
          if (busy) await atMost(busy.promise, WAIT_MAX_MS);
          return next(input);
        }
        begin();
        try {
          return await next(input);
        } finally {
          end();
        }
      },
    },
  });
}

async function atMost(promise: Promise<void>, milliseconds: number): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, milliseconds);
  try {
    await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
