import { activityInfo } from '@temporalio/activity';
import { WaybillError } from '../contracts/failures.ts';
import { PRIORITIES } from '../contracts/task-queues.ts';
import { type Memory, withAllMemory, withEnoughMemory } from '../stores/warehouse/memory.ts';
import { createPrecedence, type Precedence } from './precedence.ts';

/** Bounds how much of one kind of work this process does at once. */
export interface Turns {
  /**
   * Does the work when it is its turn. Work that runs out of memory is done once more with all of it, and if that is too little beside
   * other work, without.
   *
   * @throws the signal's reason, if that aborts before; what the work throws
   */
  take<Value>(signal: AbortSignal, work: () => Promise<Value>): Promise<Value>;
}

const ALL: Memory = { hasMore: false, raise: async () => async () => undefined };

/**
 * Turns in which tenants share fairly, as in the task queues: first comes the tenant with the least at work, then the order of
 * arrival. Orders that somebody waits for go before the rest, also before what the rest would begin beside them. If the rest has
 * every place, one order is done besides, so that it does not wait for long parts of others; also of work that is to be alone,
 * which takes every place. While it waits for them, no more of the rest begins.
 *
 * @param places done at once
 */
export function createTurns({
  places,
  memory = ALL,
  precedence = createPrecedence(),
  onRepeat,
}: {
  readonly places: number;
  /** @default work always has all of it */
  readonly memory?: Memory;
  /** @default holds nothing */
  readonly precedence?: Precedence;
  /** Called with why work is done once more. */
  readonly onRepeat?: (error: WaybillError) => void;
}): Turns {
  const running = { urgent: 0, other: 0 };
  const waiting = { urgent: new Map<() => void, string>(), other: new Map<() => void, string>() };
  /** What is to be alone, in the order of arrival. */
  const aside = new Map<() => void, string>();
  /** Turns that have begun. */
  let begun = 0;
  /** Turns that each tenant has now. */
  const held = { urgent: new Map<string, number>(), other: new Map<string, number>() };
  const heldBy = (kind: keyof typeof held, tenant: string) => held[kind].get(tenant) ?? 0;

  function isFree(kind: keyof typeof running): boolean {
    const all = running.urgent + running.other;
    if (kind === 'urgent') return all < places || running.urgent === 0;
    return all < places && aside.size === 0 && !precedence.holds;
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
        begun += 1;
        held[kind].set(tenant, heldBy(kind, tenant) + 1);
        start();
      }
    }
    const [alone] = aside.keys();
    if (alone && running.other === 0 && running.urgent <= 1) {
      aside.delete(alone);
      running.other = places;
      alone();
    }
    if (precedence.holds && waiting.other.size > 0) void callWhenReleased();
  }

  /** Waits among others. @throws the signal's reason, if that aborts before */
  async function untilStarted(signal: AbortSignal, queue: Map<() => void, string>, tenant: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      signal.throwIfAborted();
      const leave = () => {
        queue.delete(start);
        reject(signal.reason);
        callNext();
      };
      const start = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      signal.addEventListener('abort', leave, { once: true });
      queue.set(start, tenant);
      callNext();
    });
  }

  /** @returns the value; or, of work that ran out of memory beside other work, when it can be done alone */
  async function takeOne<Value>(
    signal: AbortSignal,
    work: () => Promise<Value>,
  ): Promise<{ readonly value: Value } | { readonly alone: Promise<void> }> {
    const { priorityKey, fairnessKey: tenant = '' } = activityInfo().priority ?? {};
    const kind = priorityKey === PRIORITIES.interactive ? 'urgent' : 'other';
    await untilStarted(signal, waiting[kind], tenant);
    const [before, beside] = [begun, running.urgent + running.other > 1];
    try {
      return { value: await withEnoughMemory(memory, work) };
    } catch (error) {
      const isFull = error instanceof WaybillError && error.code === 'memory_exhausted';
      if (!isFull || !(beside || begun > before)) throw error;
      onRepeat?.(error);
      // Before its place is free, which others wait for.
      return { alone: untilStarted(signal, aside, tenant) };
    } finally {
      running[kind] -= 1;
      if (heldBy(kind, tenant) > 1) held[kind].set(tenant, heldBy(kind, tenant) - 1);
      else held[kind].delete(tenant);
      callNext();
    }
  }

  return {
    async take(signal, work) {
      const done = await takeOne(signal, work);
      if ('value' in done) return done.value;
      await done.alone;
      try {
        return await withAllMemory(memory, work);
      } finally {
        running.other = 0;
        callNext();
      }
    },
  };
}
