import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const MODULE = new URL('./last-resort.ts', import.meta.url).href;
const LOGGER = new URL('./logger.ts', import.meta.url).href;

/** Milliseconds from the stop signal to SIGKILL. */
const STOP_MS = 300;

const folder = mkdtempSync(join(tmpdir(), 'waybill-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A thread of libuv's pool waits for somebody who reads a FIFO: a process like that cannot exit. */
const BLOCKED = `
import { execFileSync } from 'node:child_process';
import { open } from 'node:fs';
import { createLogger } from '${LOGGER}';
import { installLastResort } from '${MODULE}';
const path = '${folder}/' + process.pid;
execFileSync('mkfifo', ['-m', '600', path]);
const lastResort = installLastResort(createLogger('test', 'info'), ${STOP_MS});
lastResort.workBegins();
setInterval(() => undefined, 1000);
open(path, 'w', () => undefined);
process.on('SIGUSR2', () => process.exit(3));
`;

interface End {
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
  readonly log: string;
}

/** Runs a script, sends it signals once it says so, and waits for its end. */
async function run(script: string, ...signals: readonly NodeJS.Signals[]): Promise<End> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', `${script}\nprocess.stdout.write('begun\\n');`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (log += text));
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  try {
    await expect.poll(() => log, { timeout: 5_000 }).toContain('begun');
    for (const signal of signals) child.kill(signal);
    const [code, signal] = await Promise.race([
      ended,
      once(AbortSignal.timeout(5_000), 'abort').then(() => {
        throw new Error(`The process did not end. It said: ${log}`);
      }),
    ]);
    return { code, signal, log };
  } finally {
    child.kill('SIGKILL');
  }
}

describe('a process whose thread pool is blocked', () => {
  it.each([
    ['an uncaught error', "setImmediate(() => { throw new Error('thrown here'); })", 'thrown here'],
    ['an unhandled rejection', "void Promise.reject(new Error('rejected here'))", 'rejected here'],
    ['an exit', 'setImmediate(() => process.exit(3))', '"code":3'],
  ])('is ended by %s, and says why', async (_, statement, said) => {
    const { signal, log } = await run(`${BLOCKED}\n${statement};`);
    expect(signal).toBe('SIGKILL');
    expect(log).toContain(said);
    expect(log).toContain('"level":60');
  });

  it('is ended when an orderly stop takes too long', async () => {
    const { signal, log } = await run(BLOCKED, 'SIGTERM');
    expect(signal).toBe('SIGKILL');
    expect(log).toContain('did not stop in time');
  });

  it('is ended by a second signal at once', async () => {
    const patient = BLOCKED.replace(String(STOP_MS), '60000');
    const { signal, log } = await run(patient, 'SIGTERM', 'SIGINT');
    expect(signal).toBe('SIGKILL');
    expect(log).toContain('second signal');
  });

  it('is ended when its work is over and something keeps it', async () => {
    const { signal, log } = await run(`${BLOCKED}\nlastResort.workEnded();`);
    expect(signal).toBe('SIGKILL');
    expect(log).toContain('did not stop in time');
  });
});

it('a process that nothing blocks keeps its exit code', async () => {
  const free = `
import { createLogger } from '${LOGGER}';
import { installLastResort } from '${MODULE}';
const lastResort = installLastResort(createLogger('test', 'info'), ${STOP_MS});`;
  expect(await run(`${free}\nprocess.exitCode = 1;`)).toMatchObject({ code: 1, signal: null });
  expect(await run(`${free}\nlastResort.workBegins();\nlastResort.workEnded();`)).toMatchObject({
    code: 0,
    signal: null,
  });
});
