import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { ProcessSpec } from './process.ts';
import { createSupervisor, type Supervisor } from './supervisor.ts';

const FOREVER = 'setInterval(() => {}, 1000)';

interface Seen {
  readonly lines: string[];
  readonly crashes: string[];
  /** Resolves once a process has written the line. */
  wrote(line: string): Promise<void>;
}

let running: Supervisor | undefined;
afterEach(() => running?.stop());

function supervise(): Seen & { readonly supervisor: Supervisor } {
  const lines: string[] = [];
  const crashes: string[] = [];
  const waiting = new Map<string, () => void>();
  const supervisor = createSupervisor({
    line: (name, line) => {
      lines.push(`${name} ${line}`);
      waiting.get(`${name} ${line}`)?.();
    },
    crashed: (name, how) => {
      crashes.push(`${name} ${how}`);
      waiting.get('crash')?.();
    },
  });
  running = supervisor;
  const wrote = (line: string) =>
    new Promise<void>((resolve) => (lines.includes(line) ? resolve() : waiting.set(line, resolve)));
  return { supervisor, lines, crashes, wrote };
}

function script(name: string, code: string, more: Partial<ProcessSpec> = {}): ProcessSpec {
  return {
    ...{ name, command: process.execPath, arguments: ['-e', code], environment: {} },
    ...{
      stopSignal: 'SIGTERM' as const,
      graceMs: 5_000,
      readyMs: 5_000,
      ready: async () => true,
    },
    ...more,
  };
}

const says = (line: string) =>
  `process.on('SIGTERM', () => { console.log('${line}'); process.exit() }); console.log('up')`;

/** Ready once it has written `up`. */
const whenUp = (name: string, { lines }: Seen): Partial<ProcessSpec> => ({
  ready: async () => lines.includes(`${name} up`),
});

const alive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('a supervisor', () => {
  it('ends everything in an orderly way, last started first', async () => {
    const seen = supervise();
    for (const name of ['first', 'second', 'third']) {
      await seen.supervisor.start(script(name, `${says('bye')};${FOREVER}`, whenUp(name, seen)));
    }
    await seen.supervisor.stop();
    expect(seen.lines.filter((line) => line.endsWith('bye'))).toEqual(['third bye', 'second bye', 'first bye']);
    expect(seen.crashes).toEqual([]);
  });

  it('kills what does not end within its grace', async () => {
    const seen = supervise();
    const deaf = `process.on('SIGTERM', () => console.log('no')); console.log('up'); ${FOREVER}`;
    const handle = await seen.supervisor.start(script('deaf', deaf, { graceMs: 100, ...whenUp('deaf', seen) }));
    const pid = handle.pid ?? 0;
    await handle.stop();
    expect(alive(pid)).toBe(false);
    expect(handle.pid).toBeUndefined();
  });

  it('says what a process said last that did not get ready', async () => {
    const { supervisor } = supervise();
    const broken = script('broken', "console.error('no such table'); process.exit(3)", { ready: async () => false });
    await expect(supervisor.start(broken)).rejects.toThrow(/broken ended with code 3 before .*\n {2}no such table/);
  });

  it('says that a command cannot be run', async () => {
    const { supervisor } = supervise();
    const missing = script('missing', '', { command: '/nonexistent/program', ready: async () => false });
    await expect(supervisor.start(missing)).rejects.toThrow(/missing cannot be run: .*ENOENT/);
  });

  it('does not wait for ever for a process to get ready', async () => {
    const { supervisor } = supervise();
    const idle = script('idle', FOREVER, { readyMs: 50, ready: async () => false });
    await expect(supervisor.start(idle)).rejects.toThrow('idle was not ready after 0.05 s');
  });

  it('does not end a process that says it recovers, however long that takes', async () => {
    const { supervisor } = supervise();
    const began = Date.now();
    const ready = async () => (Date.now() - began < 500 ? 'recovering' : true);
    const handle = await supervisor.start(script('recovers', FOREVER, { readyMs: 50, ready }));
    expect(Date.now() - began).toBeGreaterThanOrEqual(500);
    expect(handle.pid).toBeTypeOf('number');
  });

  it('reports a process that ends by itself, and not one that was killed on purpose', async () => {
    const seen = supervise();
    const handle = await seen.supervisor.start(script('killed', FOREVER));
    await handle.kill('SIGKILL');
    expect(handle.pid).toBeUndefined();
    await seen.supervisor.start(script('brief', 'setTimeout(() => process.exit(7), 50)'));
    await seen.wrote('crash');
    expect(seen.crashes).toEqual(['brief ended with code 7']);
  });

  it('starts again what was killed, as another process', async () => {
    const { supervisor } = supervise();
    const handle = await supervisor.start(script('again', FOREVER));
    const before = handle.pid;
    await handle.kill('SIGKILL');
    await handle.restart();
    expect(handle.pid).toBeTypeOf('number');
    expect(handle.pid).not.toBe(before);
  });

  it('tries again while what a killed predecessor left is in the way', async () => {
    const { supervisor } = supervise();
    const deadline = Date.now() + 200;
    const code = `if (Date.now() < ${deadline}) { console.error('still in use'); process.exit(1) } ${FOREVER}`;
    const ready = async () => Date.now() > deadline;
    const handle = await supervisor.start(script('held', code, { ready, retryWhen: /still in use/ }));
    expect(handle.pid).toBeTypeOf('number');
  });

  it('starts nothing once it stops', async () => {
    const { supervisor } = supervise();
    await supervisor.stop();
    await expect(supervisor.start(script('late', FOREVER))).rejects.toThrow('late is not started');
  });
});

it('leaves nothing running when the process that holds it is killed', async () => {
  const owner = `
    import { createSupervisor } from ${JSON.stringify(import.meta.resolve('./supervisor.ts'))};
    const supervisor = createSupervisor({ line: () => {}, crashed: () => {} });
    const handle = await supervisor.start({
      name: 'orphan', command: process.execPath, arguments: ['-e', ${JSON.stringify(FOREVER)}], environment: {},
      stopSignal: 'SIGTERM', graceMs: 1000, readyMs: 5000, ready: async () => true,
    });
    console.log(handle.pid);
  `;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', owner], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const pid = Number(line);
  expect(alive(pid)).toBe(true);
  child.kill('SIGKILL');
  await expect.poll(() => alive(pid), { timeout: 5_000 }).toBe(false);
});
