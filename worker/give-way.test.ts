import type { Context } from '@temporalio/activity';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPrecedence } from '../activities/precedence.ts';
import { PRIORITIES } from '../contracts/task-queues.ts';
import { createGiveWay } from './give-way.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Steps that last until they are told to end. */
function createScene() {
  const factory = createGiveWay(createPrecedence());
  const begun: string[] = [];
  return {
    begun,
    async start(priorityKey: number | undefined, name: string) {
      const context: unknown = { info: { priority: { priorityKey } } };
      const { inbound } = factory(context as Context);
      const end = Promise.withResolvers<void>();
      const result = inbound?.execute?.({ args: [], headers: {} }, async () => {
        begun.push(name);
        await end.promise;
      });
      await vi.advanceTimersByTimeAsync(0);
      return async () => {
        end.resolve();
        await result;
      };
    },
  };
}

describe('steps of other runs', () => {
  const { interactive, queued, scheduled, maintenance } = PRIORITIES;

  it('begin at once when no order is under way', async () => {
    const { begun, start } = createScene();
    const others = [queued, scheduled, maintenance, undefined];
    for (const priority of others) await start(priority, String(priority));
    expect(begun).toEqual(others.map(String));
  });

  it('begin when the order has had no step for half a second', async () => {
    const { begun, start } = createScene();
    const end = await start(interactive, 'order 1');
    for (const priority of [queued, scheduled]) await start(priority, `other ${priority}`);
    await end();
    await vi.advanceTimersByTimeAsync(400);
    const endLast = await start(interactive, 'order 2');
    await vi.advanceTimersByTimeAsync(400);
    await endLast();
    await vi.advanceTimersByTimeAsync(499);
    expect(begun).toEqual(['order 1', 'order 2']);
    await vi.advanceTimersByTimeAsync(1);
    expect(begun).toEqual(['order 1', 'order 2', `other ${queued}`, `other ${scheduled}`]);
  });

  it('begin when orders have held them for five seconds, and wait no more until there are none', async () => {
    const { begun, start } = createScene();
    const endFirst = await start(interactive, 'order 1');
    await start(scheduled, 'other 1');
    await vi.advanceTimersByTimeAsync(4_000);
    const endSecond = await start(interactive, 'order 2');
    await endFirst();
    await vi.advanceTimersByTimeAsync(999);
    expect(begun).toEqual(['order 1', 'order 2']);
    await vi.advanceTimersByTimeAsync(1);
    await start(interactive, 'order 3');
    await start(scheduled, 'other 2');
    expect(begun).toEqual(['order 1', 'order 2', 'other 1', 'order 3', 'other 2']);
    await endSecond();
  });

  it('are held again by an order that comes after a pause', async () => {
    const { begun, start } = createScene();
    const end = await start(interactive, 'order 1');
    await vi.advanceTimersByTimeAsync(6_000);
    await end();
    await vi.advanceTimersByTimeAsync(500);
    await start(interactive, 'order 2');
    await start(scheduled, 'other');
    expect(begun).toEqual(['order 1', 'order 2']);
  });
});
