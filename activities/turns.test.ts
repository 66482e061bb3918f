import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';
import { PRIORITIES } from '../contracts/task-queues.ts';
import { createPrecedence } from './precedence.ts';
import { createTurns } from './turns.ts';

type Kind = 'order' | 'other';

/** Work that lasts until it is told to end, and the order in which it began. */
function createScene(limits: Parameters<typeof createTurns>[0]) {
  const turns = createTurns(limits);
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return {
    begun,
    async arrive(kind: Kind, name: string, { signal = new AbortController().signal, tenant = 'acme' } = {}) {
      const priorityKey = kind === 'order' ? PRIORITIES.interactive : PRIORITIES.scheduled;
      const environment = new MockActivityEnvironment({ priority: { priorityKey, fairnessKey: tenant } });
      const done = environment.run(() =>
        turns.take(signal, async () => {
          begun.push(name);
          const end = Promise.withResolvers<void>();
          ends.set(name, end.resolve);
          await end.promise;
          return name;
        }),
      );
      done.catch(() => undefined);
      await settled();
      // In an object, because an async function would wait for it.
      return { done };
    },
    async end(name: string) {
      ends.get(name)?.();
      await settled();
    },
  };
}

describe('turns', () => {
  it('are taken in the order of arrival, as many at once as there are places', async () => {
    const { arrive, begun, end } = createScene({ places: 2 });
    for (const name of ['a', 'b', 'c', 'd']) await arrive('other', name);
    expect(begun).toEqual(['a', 'b']);
    await end('b');
    expect(begun).toEqual(['a', 'b', 'c']);
    await end('a');
    expect(begun).toEqual(['a', 'b', 'c', 'd']);
  });

  it('come first to an order, and one order is done beside others that have every place', async () => {
    const { arrive, begun, end } = createScene({ places: 2 });
    for (const name of ['a', 'b', 'c']) await arrive('other', name);
    for (const name of ['order 1', 'order 2']) await arrive('order', name);
    expect(begun).toEqual(['a', 'b', 'order 1']);
    await end('a');
    expect(begun, 'only one is done besides').toEqual(['a', 'b', 'order 1']);
    await end('b');
    expect(begun).toEqual(['a', 'b', 'order 1', 'order 2']);
    await end('order 1');
    expect(begun).toEqual(['a', 'b', 'order 1', 'order 2', 'c']);
  });

  it.each(['order', 'other'] as const)('are shared fairly by tenants: %s', async (kind) => {
    const { arrive, begun, end } = createScene({ places: 2 });
    const queued = ['a', 'b', 'c', 'd', 'e'];
    for (const name of queued) await arrive(kind, name, { tenant: 'crowd' });
    for (const name of ['x', 'y', 'z']) await arrive(kind, name, { tenant: 'guest' });
    await arrive(kind, 'v', { tenant: 'visitor' });
    expect(begun).toEqual(['a', 'b']);
    await end('a');
    expect(begun, 'who has nothing at work comes before who has some').toEqual(['a', 'b', 'x']);
    await end('b');
    expect(begun, 'of those with nothing, who came first').toEqual(['a', 'b', 'x', 'c']);
    await end('x');
    expect(begun).toEqual(['a', 'b', 'x', 'c', 'y']);
    await end('y');
    await end('z');
    expect(begun).toEqual(['a', 'b', 'x', 'c', 'y', 'z', 'v']);
  });

  it('are no more than the places if all are orders', async () => {
    const { arrive, begun } = createScene({ places: 2 });
    for (const name of ['a', 'b', 'c']) await arrive('order', name);
    expect(begun).toEqual(['a', 'b']);
  });

  it('wait while orders hold other work, also those that came before', async () => {
    const precedence = createPrecedence();
    const { arrive, begun, end } = createScene({ places: 1, precedence });
    await arrive('other', 'a');
    await arrive('other', 'b');
    const endOrder = precedence.begin();
    await end('a');
    await arrive('other', 'c');
    await arrive('order', 'order');
    expect(begun).toEqual(['a', 'order']);
    await end('order');
    endOrder();
    await expect.poll(() => begun).toEqual(['a', 'order', 'b']);
    await end('b');
    expect(begun).toEqual(['a', 'order', 'b', 'c']);
  });

  it('are given back by work that fails', async () => {
    const turns = createTurns({ places: 1 });
    const environment = new MockActivityEnvironment();
    const { signal } = new AbortController();
    const fail = () => turns.take(signal, () => Promise.reject(new Error('broken')));
    await expect(environment.run(fail)).rejects.toThrow('broken');
    await expect(environment.run(() => turns.take(signal, async () => 'done'))).resolves.toBe('done');
  });

  it('are not waited for after an abort', async () => {
    const { arrive, begun, end } = createScene({ places: 1 });
    const abort = new AbortController();
    await arrive('other', 'a');
    const { done } = await arrive('other', 'b', { signal: abort.signal });
    await arrive('other', 'c');
    abort.abort(new Error('cancelled'));
    await expect(done).rejects.toThrow('cancelled');
    await end('a');
    expect(begun).toEqual(['a', 'c']);
  });
});
