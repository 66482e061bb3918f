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
 * Turns in which tenants share fairly, as in the task queues: first comes the tenant with the least at work, then the order of
 * arrival. Orders that somebody waits for go before the rest, also before what the rest would begin beside them. If the rest has
 * every place, one order is done besides, so that it does not wait for long parts of others.
 *
 * @param places done at once
 */
export function createTurns({
  places,
  precedence = createPrecedence(),
}: {
  readonly places: number;
  /** @default holds nothing */
  readonly precedence?: Precedence;
}): Turns {
  const running = { urgent: 0, other: 0 };
  const waiting = { urgent: new Map<() => void, string>(), other: new Map<() => void, string>() };
  /** Turns that each tenant has now. */
  const held = { urgent: new Map<string, number>(), other: new Map<string, number>() };
  const heldBy = (kind: keyof typeof held, tenant: string) => held[kind].get(tenant) ?? 0;

  function isFree(kind: keyof typeof running): boolean {
    const all = running.urgent + running.other;
    if (kind === 'urgent') return all < places || running.urgent === 0;
    return all < places && !precedence.holds;
  }
  function firstOf(kind: keyof typeof waiting): readonly [start: () => void, tenant: string] | undefined {
    let first: readonly [() => void, string] | undefined;
    for (const entry of waiting[kind]) if (!first || heldBy(kind, entry[1]) < heldBy(kind, first[1])) first = entry;
    return first;
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
      while (isFree(kind)) {
        const first = firstOf(kind);
        if (!first) break;
        const [start, tenant] = first;
        waiting[kind].delete(start);
        running[kind] += 1;
        held[kind].set(tenant, heldBy(kind, tenant) + 1);
        start();
      }
    }
    if (precedence.holds && waiting.other.size > 0) void callWhenReleased();
  }

  return {
    async take(signal, work) {
      const { priorityKey, fairnessKey: tenant = '' } = activityInfo().priority ?? {};
      const kind = priorityKey === PRIORITIES.interactive ? 'urgent' : 'other';
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
        waiting[kind].set(start, tenant);
        callNext();
      });
      try {
        return await work();
      } finally {
        running[kind] -= 1;
        if (heldBy(kind, tenant) > 1) held[kind].set(tenant, heldBy(kind, tenant) - 1);
        else held[kind].delete(tenant);
        callNext();
      }
    },
  };
}
