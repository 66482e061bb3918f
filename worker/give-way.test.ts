import type { Context } from '@temporalio/activity';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PRIORITIES } from '../contracts/task-queues.ts';
import { createGiveWay } from './give-way.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Steps that last until they are told to end. */
function createScene() {
  const factory = createGiveWay();
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
  const { interactive, scheduled, maintenance } = PRIORITIES;

  it('begin at once when no order is under way', async () => {
    const { begun, start } = createScene();
    for (const priority of [scheduled, maintenance, undefined]) await start(priority, String(priority));
    expect(begun).toEqual([String(scheduled), String(maintenance), 'undefined']);
  });

  it('begin when the order has had no step for half a second', async () => {
    const { begun, start } = createScene();
    const end = await start(interactive, 'order 1');
    await start(scheduled, 'other');
    await end();
    await vi.advanceTimersByTimeAsync(400);
    const endLast = await start(interactive, 'order 2');
    await vi.advanceTimersByTimeAsync(400);
    await endLast();
    await vi.advanceTimersByTimeAsync(499);
    expect(begun).toEqual(['order 1', 'order 2']);
    await vi.advanceTimersByTimeAsync(1);
    expect(begun).toEqual(['order 1', 'order 2', 'other']);
  });

  it('begin after three seconds, however many orders there are', async () => {
    const { begun, start } = createScene();
    await start(interactive, 'order 1');
    await start(scheduled, 'other');
    await start(interactive, 'order 2');
    await vi.advanceTimersByTimeAsync(3_000);
    expect(begun).toEqual(['order 1', 'order 2', 'other']);
  });
});
