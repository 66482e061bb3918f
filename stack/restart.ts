import { setTimeout as delay } from 'node:timers/promises';
import { type Process, type ProcessHandle, StartError } from './process.ts';

/** How crashed processes are restarted. */
export interface RestartPolicy {
  readonly clock: Clock;
  /** Takes a line about a restart. */
  readonly report: (line: string) => void;
}

export interface Clock {
  /** Milliseconds; never goes back. */
  now(): number;
  /** Resolves after `ms` milliseconds, or once the signal is aborted. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
}

export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  async pause(ms, signal) {
    await delay(ms, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  },
};

/** Milliseconds before the first restart; each later pause is twice as long, up to the last. */
const PAUSE_MS = { first: 1_000, last: 30_000 };
/** A process that has run for this many milliseconds counts as healthy: its next pause is the first one again. */
const HEALTHY_MS = 60_000;

/**
 * With a policy, restarts a process whenever it exits unexpectedly, without a limit, until it is stopped or killed
 * through its handle. A restart has no readiness deadline, because the process may wait for a server that is down. The
 * policy applies once the process has been ready; if the first start fails, the caller gets the error.
 *
 * @param create creates the process; takes the callback for its crashes
 */
export function keepRunning(
  create: (crashed: () => void) => Process,
  policy: RestartPolicy | undefined,
): ProcessHandle {
  const process = create(() => policy && void startAgain(policy));
  const { name } = process;
  let pauseMs = PAUSE_MS.first;
  /** When it last became ready; `undefined` until the first time. */
  let readyAt: number | undefined;
  /** Aborts the automatic attempts. */
  let attempts = new AbortController();

  async function startAgain({ clock, report }: RestartPolicy): Promise<void> {
    attempts.abort();
    attempts = new AbortController();
    const { signal } = attempts;
    if (readyAt !== undefined && clock.now() - readyAt >= HEALTHY_MS) pauseMs = PAUSE_MS.first;
    for (;;) {
      report(`${name}: starting it again in ${pauseMs / 1_000} s`);
      await clock.pause(pauseMs, signal);
      if (signal.aborted) return;
      pauseMs = Math.min(2 * pauseMs, PAUSE_MS.last);
      try {
        await process.start((lateMs) =>
          report(`${name}: runs, but is not ready after ${lateMs / 1_000} s; waiting for it`),
        );
        readyAt = clock.now();
        report(`${name}: runs again`);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof StartError)) throw error;
        report(`${name}: ${error.reason}`);
      }
    }
  }

  async function start(): Promise<void> {
    attempts.abort();
    attempts = new AbortController();
    const { signal } = attempts;
    try {
      await process.start('stop');
      readyAt = policy?.clock.now();
    } catch (error) {
      if (policy && readyAt !== undefined && !signal.aborted) void startAgain(policy);
      throw error;
    }
  }

  function stop(): Promise<void> {
    attempts.abort();
    return process.stop();
  }

  return {
    name,
    get pid() {
      return process.pid;
    },
    start,
    stop,
    async restart() {
      await stop();
      await start();
    },
    kill(signal) {
      if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') attempts.abort();
      return process.kill(signal);
    },
    recentLines: () => process.recentLines(),
  };
}
