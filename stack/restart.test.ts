import { afterEach, describe, expect, it } from 'vitest';
import type { ProcessSpec } from './process.ts';
import type { Clock } from './restart.ts';
import { createSupervisor, type Supervisor } from './supervisor.ts';

const FOREVER = 'setInterval(() => {}, 1000)';

let running: Supervisor | undefined;
afterEach(() => running?.stop());

/** A clock that is moved by hand. Its first pauses end at once, the next one never. */
function scriptedClock(pausesMax: number) {
  const pauses: number[] = [];
  const stuck = Promise.withResolvers<void>();
  let now = 0;
  const clock: Clock = {
    now: () => now,
    async pause(ms, signal) {
      pauses.push(ms);
      if (pauses.length <= pausesMax) return;
      const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
      stuck.resolve();
      await aborted;
    },
  };
  const advance = (ms: number) => {
    now += ms;
  };
  return { clock, pauses, advance, stuck: stuck.promise };
}

function supervise(clock: Clock): { readonly supervisor: Supervisor; readonly reported: readonly string[] } {
  const reported: string[] = [];
  running = createSupervisor({
    line: () => undefined,
    crashed: () => undefined,
    restart: { clock, report: (line) => reported.push(line) },
  });
  return { supervisor: running, reported };
}

function script(code: string, more: Partial<ProcessSpec> = {}): ProcessSpec {
  return {
    ...{ name: 'it', command: process.execPath, arguments: ['-e', code], environment: {} },
    ...{ stopSignal: 'SIGTERM', graceMs: 5_000, readyMs: 5_000, ready: async () => true },
    ...more,
  };
}

describe('a process that ends by itself', () => {
  it('is started again, after pauses that double up to 30 s', async () => {
    const { clock, pauses, stuck } = scriptedClock(6);
    const { supervisor } = supervise(clock);
    await supervisor.start(script('process.exit(7)'));
    await stuck;
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  it('is started again after it has ended before it was ready, and says why', async () => {
    const { clock, pauses, stuck } = scriptedClock(2);
    const { supervisor, reported } = supervise(clock);
    let asked = 0;
    await supervisor.start(script('setTimeout(() => process.exit(7), 50)', { ready: async () => ++asked === 1 }));
    await stuck;
    expect(pauses).toEqual([1_000, 2_000, 4_000]);
    expect(reported).toEqual([
      'it: starting it again in 1 s',
      'it: ended with code 7 before it was ready',
      'it: starting it again in 2 s',
      'it: ended with code 7 before it was ready',
      'it: starting it again in 4 s',
    ]);
  });

  it('begins with the shortest pause once it has run for a minute', async () => {
    const { clock, pauses, advance } = scriptedClock(99);
    const { supervisor, reported } = supervise(clock);
    const handle = await supervisor.start(script(FOREVER));
    for (const ranMs of [0, 59_999, 60_000]) {
      const runs = reported.filter((line) => line === 'it: runs again').length;
      advance(ranMs);
      process.kill(handle.pid ?? 0, 'SIGKILL');
      await expect.poll(() => reported.filter((line) => line === 'it: runs again').length).toBe(runs + 1);
    }
    expect(pauses).toEqual([1_000, 2_000, 1_000]);
  });

  it('is not ended when it takes longer than usual to become ready again', async () => {
    const { clock } = scriptedClock(99);
    const { supervisor, reported } = supervise(clock);
    let ready = true;
    const handle = await supervisor.start(script(FOREVER, { readyMs: 50, ready: async () => ready }));
    ready = false;
    process.kill(handle.pid ?? 0, 'SIGKILL');
    await expect.poll(() => reported).toContain('it: runs, but is not ready after 0.05 s; waiting for it');
    const { pid } = handle;
    ready = true;
    await expect.poll(() => reported).toContain('it: runs again');
    expect(handle.pid).toBe(pid);
  });
});

describe('a process that is ended on purpose', () => {
  it('stays ended', async () => {
    const { clock, pauses } = scriptedClock(99);
    const { supervisor } = supervise(clock);
    const handle = await supervisor.start(script(FOREVER));
    await handle.kill('SIGKILL');
    await handle.start();
    await handle.stop();
    expect(handle.pid).toBeUndefined();
    expect(pauses).toEqual([]);
  });

  it('is not started when a pause is over', async () => {
    const { clock, stuck } = scriptedClock(0);
    const { supervisor } = supervise(clock);
    const handle = await supervisor.start(script('process.exit(7)'));
    await stuck;
    await supervisor.stop();
    expect(handle.pid).toBeUndefined();
  });

  it('is ended in the middle of an attempt to start it', async () => {
    const { clock, pauses } = scriptedClock(99);
    const { supervisor, reported } = supervise(clock);
    const again = Promise.withResolvers<void>();
    let asked = 0;
    const ready = async () => {
      asked += 1;
      if (asked > 1) again.resolve();
      return asked === 1;
    };
    const handle = await supervisor.start(script(FOREVER, { ready }));
    process.kill(handle.pid ?? 0, 'SIGKILL');
    await again.promise;
    await handle.stop();
    expect(handle.pid).toBeUndefined();
    expect(pauses).toEqual([1_000]);
    expect(reported).toEqual(['it: starting it again in 1 s']);
  });
});

it('a start by hand does not wait for the pause', async () => {
  const { clock, stuck } = scriptedClock(0);
  const { supervisor } = supervise(clock);
  const handle = await supervisor.start(script(FOREVER));
  process.kill(handle.pid ?? 0, 'SIGKILL');
  await stuck;
  await handle.start();
  expect(handle.pid).toBeTypeOf('number');
});

it('a restart that fails is tried again', async () => {
  const { clock, pauses, stuck } = scriptedClock(0);
  const { supervisor } = supervise(clock);
  let broken = false;
  const handle = await supervisor.start(
    script(FOREVER, { readyMs: 50, ready: async () => !broken, stopSignal: 'SIGTERM' }),
  );
  broken = true;
  await expect(handle.restart()).rejects.toThrow('it was not ready after 0.05 s');
  await stuck;
  expect(pauses).toEqual([1_000]);
});

it('a first start that fails is not tried again', async () => {
  const { clock, pauses } = scriptedClock(99);
  const { supervisor } = supervise(clock);
  await expect(supervisor.start(script('process.exit(7)', { ready: async () => false }))).rejects.toThrow(
    'it ended with code 7 before it was ready',
  );
  expect(pauses).toEqual([]);
});
