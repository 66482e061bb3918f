import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';
import { WaybillError } from '../contracts/failures.ts';
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
  async function last(name: string): Promise<void> {
    begun.push(name);
    const end = Promise.withResolvers<void>();
    ends.set(name, end.resolve);
    await end.promise;
  }
  function run(kind: Kind, work: () => Promise<string>, signal = new AbortController().signal, tenant = 'acme') {
    const priorityKey = kind === 'order' ? PRIORITIES.interactive : PRIORITIES.scheduled;
    const environment = new MockActivityEnvironment({ priority: { priorityKey, fairnessKey: tenant } });
    const done = environment.run(() => turns.take(signal, work));
    done.catch(() => undefined);
    return done;
  }
  return {
    begun,
    /** Begins, and lasts until it is told to end. */
    last,
    run,
    async arrive(kind: Kind, name: string, { signal = new AbortController().signal, tenant = 'acme' } = {}) {
      const work = async () => {
        await last(name);
        return name;
      };
      const done = run(kind, work, signal, tenant);
      await settled();
      // In an object, because an async function would wait for it.
      return { done };
    },
    async end(name: string) {
      await settled();
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

describe('work that runs out of memory', () => {
  const full = new WaybillError('memory_exhausted');

  /** Work that fails as often as told, and lasts until it is told to end. */
  function createWork(scene: ReturnType<typeof createScene>, name: string, failures: readonly unknown[]) {
    let tries = 0;
    return async () => {
      tries += 1;
      const at = `${name} ${tries}`;
      await scene.last(at);
      const failure = failures[tries - 1];
      if (failure) throw failure;
      return name;
    };
  }

  it('beside other work is done once more when that is done, and nothing of the rest begins meanwhile', async () => {
    const scene = createScene({ places: 2 });
    const { begun, end, arrive, run } = scene;
    await arrive('other', 'a');
    const done = run('other', createWork(scene, 'large', [full]));
    await arrive('other', 'b');
    await end('large 1');
    expect(begun).toEqual(['a', 'large 1']);
    await arrive('order', 'order');
    expect(begun).toEqual(['a', 'large 1', 'order']);
    await end('a');
    expect(begun).toEqual(['a', 'large 1', 'order', 'large 2']);
    await end('order');
    expect(begun).not.toContain('b');
    await end('large 2');
    expect(await done).toBe('large');
    expect(begun.at(-1)).toBe('b');
  });

  it('is done once more at once if there is more memory, and has it until its end', async () => {
    let raised = 0;
    const raise = async () => {
      raised += 1;
      return async () => {
        raised -= 1;
      };
    };
    const scene = createScene({ places: 2, memory: { hasMore: true, raise } });
    const done = scene.run('other', createWork(scene, 'large', [full]));
    await scene.arrive('other', 'a');
    await scene.end('large 1');
    await scene.end('a');
    expect(scene.begun).toEqual(['large 1', 'a', 'large 2']);
    expect(raised).toBe(1);
    await scene.end('large 2');
    expect(await done).toBe('large');
    expect(raised).toBe(0);
  });

  it('also with all memory, beside other work, is done once more without', async () => {
    const memory = { hasMore: true, raise: async () => async () => undefined };
    const scene = createScene({ places: 2, memory });
    const done = scene.run('other', createWork(scene, 'large', [full, full]));
    await scene.arrive('other', 'a');
    await scene.end('large 1');
    await scene.end('large 2');
    expect(scene.begun).toEqual(['large 1', 'a', 'large 2']);
    await scene.end('a');
    await scene.end('large 3');
    expect(await done).toBe('large');
  });

  it('is not done once more if a file that is none of DuckDB filled the disk', async () => {
    const cause = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    const failure = new WaybillError('disk_full', undefined, { cause });
    const memory = { hasMore: true, raise: async () => async () => undefined };
    const scene = createScene({ places: 2, memory });
    const done = scene.run('other', createWork(scene, 'large', [failure]));
    await scene.end('large 1');
    await expect(done).rejects.toBe(failure);
    expect(scene.begun).toEqual(['large 1']);
  });

  it.each([
    ['by itself', [full], []],
    ['also when it is done once more', [full, full], ['a']],
    ['of another kind', [new WaybillError('disk_full')], ['a']],
  ])('%s has failed', async (_, failures, beside) => {
    const scene = createScene({ places: 2 });
    for (const name of beside) await scene.arrive('other', name);
    const done = scene.run('other', createWork(scene, 'large', failures));
    await scene.end('large 1');
    for (const name of beside) await scene.end(name);
    await scene.end('large 2');
    await expect(done).rejects.toBe(failures.at(-1));
  });

  it('is given up when it is cancelled while it waits, and the rest goes on', async () => {
    const scene = createScene({ places: 2 });
    const stop = new AbortController();
    await scene.arrive('other', 'a');
    const done = scene.run('other', createWork(scene, 'large', [full]), stop.signal);
    await scene.end('large 1');
    await scene.arrive('other', 'b');
    expect(scene.begun).toEqual(['a', 'large 1']);
    const reason = new Error('cancelled');
    stop.abort(reason);
    await expect(done).rejects.toBe(reason);
    expect(scene.begun).toEqual(['a', 'large 1', 'b']);
  });
});
