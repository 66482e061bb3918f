import { activityInfo } from '@temporalio/activity';
import { PRIORITIES } from '../contracts/task-queues.ts';
import { createPrecedence, type Precedence } from './precedence.ts';

/** Bounds how much of one kind of work this process does at once. */
export interface Turns {
  /**
   * Does the work when it is its turn.
   *
   * @throws the signal's reason, if that aborts before
   */
  take<Value>(signal: AbortSignal, work: () => Promise<Value>): Promise<Value>;
}

/**
 * Turns in the order of arrival, where orders that somebody waits for go before the rest, also before what the rest would begin
 * beside them. If the rest has every place, one order is done besides, so that it does not wait for long parts of others.
 *
 * @param places done at once; of the rest at most `others`
 */
export function createTurns({
  places,
  others = places,
  precedence = createPrecedence(),
}: {
  readonly places: number;
  readonly others?: number;
  /** @default holds nothing */
  readonly precedence?: Precedence;
}): Turns {
  const running = { urgent: 0, other: 0 };
  const waiting = { urgent: new Set<() => void>(), other: new Set<() => void>() };

  function isFree(kind: keyof typeof running): boolean {
    const all = running.urgent + running.other;
    if (kind === 'urgent') return all < places || running.urgent === 0;
    return all < places && running.other < others && !precedence.holds;
  }
  let isAwaitingRelease = false;
  async function callWhenReleased(): Promise<void> {
    if (isAwaitingRelease) return;
    isAwaitingRelease = true;
    await precedence.released();
    isAwaitingRelease = false;
    callNext();
  }
  function callNext(): void {
    for (const kind of ['urgent', 'other'] as const) {
      for (const start of waiting[kind]) {
        if (!isFree(kind)) break;
        waiting[kind].delete(start);
        running[kind] += 1;
        start();
      }
    }
    if (precedence.holds && waiting.other.size > 0) void callWhenReleased();
  }

  return {
    async take(signal, work) {
      const kind = isUrgent() ? 'urgent' : 'other';
      await new Promise<void>((resolve, reject) => {
        signal.throwIfAborted();
        const leave = () => {
          waiting[kind].delete(start);
          reject(signal.reason);
        };
        const start = () => {
          signal.removeEventListener('abort', leave);
          resolve();
        };
        signal.addEventListener('abort', leave, { once: true });
        waiting[kind].add(start);
        callNext();
      });
      try {
        return await work();
      } finally {
        running[kind] -= 1;
        callNext();
      }
    },
  };
}

function isUrgent(): boolean {
  return activityInfo().priority?.priorityKey === PRIORITIES.interactive;
}
