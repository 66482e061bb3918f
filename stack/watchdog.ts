import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { signalGroup } from './process.ts';

/**
 * Stops the stack's processes after the process that started them has died. Runs as a separate process: its input lists
 * running processes (`+<pid> <stop signal>`, `-<pid>`), and the end of its input means that the parent is gone.
 */

/** Milliseconds that a process may take to shut down. */
const GRACE_MS = 10_000;
const POLL_MS = 50;

async function main(): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  const running = new Map<number, NodeJS.Signals>();
  for await (const line of createInterface({ input: process.stdin })) {
    const [pid, signal] = line.slice(1).split(' ');
    if (line.startsWith('+')) running.set(Number(pid), signal as NodeJS.Signals);
    else running.delete(Number(pid));
  }
  for (const [pid, signal] of [...running].toReversed()) await end(pid, signal);
}

async function end(pid: number, stopSignal: NodeJS.Signals): Promise<void> {
  const deadline = Date.now() + GRACE_MS;
  let alive = signalGroup(pid, stopSignal);
  while (alive && Date.now() < deadline) {
    await delay(POLL_MS);
    alive = isAlive(pid);
  }
  if (alive) signalGroup(pid, 'SIGKILL');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false;
  }
}

await main();
