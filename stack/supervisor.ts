import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createProcess, type ProcessHandle, type ProcessSpec } from './process.ts';
import { keepRunning, type RestartPolicy } from './restart.ts';

/**
 * Starts processes and ends all of them, last first: on {@link stop}, and by a watchdog process when the process that
 * holds the supervisor dies without getting there.
 */
export interface Supervisor {
  /** @returns when the process is ready. @throws Error with its last lines when it does not get there */
  start(spec: ProcessSpec): Promise<ProcessHandle>;
  /** Ends everything, last started first, and the watchdog. Nothing can be started afterwards. */
  stop(): Promise<void>;
}

export interface SupervisorEvents {
  /** A line that one of the processes wrote. */
  readonly line: (name: string, line: string) => void;
  /** A process that had been ready ended although nobody asked it to. */
  readonly crashed: (name: string, how: string) => void;
  /** What to do about it then. Absent: nothing; whoever holds the handle starts it again. */
  readonly restart?: RestartPolicy;
}

export function createSupervisor(events: SupervisorEvents): Supervisor {
  const handles: ProcessHandle[] = [];
  const watchdog = spawn(process.execPath, [fileURLToPath(new URL('./watchdog.ts', import.meta.url))], {
    stdio: ['pipe', 'ignore', 'inherit'],
    // Ctrl-C and a hang-up of the terminal must not end it before its work is done.
    detached: true,
    env: {},
  });
  // It is told by the end of its input; an early death of its own only takes the safety net away.
  watchdog.stdin.on('error', () => undefined);
  watchdog.unref();
  const watchdogEnded = once(watchdog, 'close');
  watchdogEnded.catch(() => undefined);
  let stopping: Promise<void> | undefined;

  async function stopAll(): Promise<void> {
    const problems: unknown[] = [];
    for (const handle of handles.toReversed()) await handle.stop().catch((error: unknown) => problems.push(error));
    watchdog.ref();
    watchdog.stdin.end();
    await watchdogEnded;
    if (problems.length > 0) throw new AggregateError(problems, 'Not every process could be stopped.');
  }

  return {
    async start(spec) {
      if (stopping) throw new Error(`${spec.name} is not started: the stack is stopping`);
      const create = (crashed: () => void) =>
        createProcess(spec, {
          line: events.line,
          crashed(name, how) {
            events.crashed(name, how);
            if (!stopping) crashed();
          },
          started: (pid, stopSignal) => watchdog.stdin.write(`+${pid} ${stopSignal}\n`),
          ended: (pid) => watchdog.stdin.write(`-${pid}\n`),
        });
      const handle = events.restart ? keepRunning(create, events.restart) : create(() => undefined);
      handles.push(handle);
      await handle.start();
      return handle;
    },
    stop() {
      stopping ??= stopAll();
      return stopping;
    },
  };
}
