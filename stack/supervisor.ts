import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createProcess, type ProcessHandle, type ProcessSpec } from './process.ts';
import { keepRunning, type RestartPolicy } from './restart.ts';

/**
 * Starts processes and stops all of them, last started first. If this process dies before {@link stop}, a watchdog
 * process stops them instead.
 */
export interface Supervisor {
  /** @returns when the process is ready. @throws StartError if it does not become ready */
  start(spec: ProcessSpec): Promise<ProcessHandle>;
  /** Stops all processes, last started first, and the watchdog. Nothing can be started afterwards. */
  stop(): Promise<void>;
}

export interface SupervisorEvents {
  /** A line that one of the processes wrote. */
  readonly line: (name: string, line: string) => void;
  /** A process exited unexpectedly after it had been ready. */
  readonly crashed: (name: string, how: string) => void;
  /** Restarts crashed processes. Absent: they stay ended until their handle starts them. */
  readonly restart?: RestartPolicy;
}

/** Starts processes on a supervisor, which is stopped if that fails or is aborted. */
export async function startOrStop<Started>(
  supervisor: Pick<Supervisor, 'stop'>,
  signal: AbortSignal,
  start: () => Promise<Started>,
): Promise<Started> {
  const giveUp = () => void supervisor.stop();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await start();
  } catch (error) {
    await supervisor.stop();
    throw error;
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

export function createSupervisor(events: SupervisorEvents): Supervisor {
  const handles: ProcessHandle[] = [];
  const watchdog = spawn(process.execPath, [fileURLToPath(new URL('./watchdog.ts', import.meta.url))], {
    stdio: ['pipe', 'ignore', 'inherit'],
    // Ctrl-C or a terminal hang-up must not stop it early.
    detached: true,
    env: {},
  });
  // If the watchdog dies early, only the safety net is lost.
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
      const handle = keepRunning(create, events.restart);
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
