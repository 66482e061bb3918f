import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, it, vi } from 'vitest';
import { freePorts, LOOPBACK, PORT_USES, type StackPorts } from '../stack/ports.ts';
import { closeAtEnd, temporaryFolder } from './cleanup.ts';
import { basic, useStack } from './context.ts';

const MAIN = fileURLToPath(new URL('../stack/main.ts', import.meta.url));

/** Part of the command line of each process. */
const COMMANDS = {
  postgres: 'listen_addresses',
  minio: 'server',
  temporal: 'start-dev',
  mail: '--smtp',
  api: 'api/main.ts',
  worker: 'worker/main.ts',
};
const NAMES = Object.keys(COMMANDS) as readonly (keyof typeof COMMANDS)[];

const lines: string[] = [];
const said = (line: string) => lines.filter((each) => each.includes(line)).length;
let ports: StackPorts;
let stack: ChildProcess;

beforeAll(async () => {
  const directory = await temporaryFolder();
  ports = await freePorts();
  const settings = Object.entries(PORT_USES).map(([name, { setting }]) => [
    setting,
    String(ports[name as keyof StackPorts]),
  ]);
  stack = spawn(process.execPath, [MAIN], {
    env: {
      ...useStack().environment,
      ...Object.fromEntries(settings),
      WAYBILL_STACK_DATA: directory,
      WAYBILL_STACK_SAMPLE_SCALE: '0.01',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  closeAtEnd(async () => {
    if (stack.exitCode !== null) return;
    stack.kill('SIGTERM');
    await once(stack, 'exit');
  });
  if (stack.stdout) createInterface({ input: stack.stdout }).on('line', (line) => lines.push(line));
  await vi.waitUntil(() => said('Waybill is running.') > 0, { timeout: 120_000 });
});

/** @returns the id of a process that `npm start` has started */
async function pidOf(name: keyof typeof COMMANDS): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-ww', '-o', 'pid=,ppid=,args=']);
  const found = stdout.split('\n').map((line) => line.trim().split(/\s+/));
  const [pid] =
    found.find(
      ([, parent, ...words]) => parent === String(stack.pid) && words.some((word) => word.includes(COMMANDS[name])),
    ) ?? [];
  if (pid === undefined) throw new Error(`${name} does not run`);
  return Number(pid);
}

const listed = () =>
  fetch(`http://${LOOPBACK}:${ports.api}/exports`, { headers: { authorization: basic() } }).then(
    ({ status }) => status,
    () => 'no answer',
  );

it.each(NAMES)('%s runs again after kill -9, and the services answer', async (name) => {
  const before = await pidOf(name);
  process.kill(before, 'SIGKILL');
  await expect.poll(() => said(`${name}: runs again`), { timeout: 60_000 }).toBe(1);
  expect(await pidOf(name)).not.toBe(before);
  await expect.poll(listed, { timeout: 30_000 }).toBe(200);
  const ready = await fetch(`http://${LOOPBACK}:${ports.workerHealth}/healthz`);
  expect(ready.status).toBe(200);
});

it('the API comes back when its port is free again', async () => {
  process.kill(await pidOf('api'), 'SIGKILL');
  const holder = createServer((socket) => socket.destroy());
  await expect
    .poll(() => {
      if (!holder.listening) holder.on('error', () => undefined).listen(ports.api, LOOPBACK);
      return holder.listening;
    })
    .toBe(true);
  await expect.poll(() => said('api: starting it again in 2 s'), { timeout: 60_000 }).toBeGreaterThan(0);
  const runs = said('api: runs again');
  holder.close();
  await expect.poll(() => said('api: runs again'), { timeout: 60_000 }).toBe(runs + 1);
  expect(await listed()).toBe(200);
  expect(stack.exitCode).toBeNull();
});
