import { setTimeout as delay } from 'node:timers/promises';
import { type Process, type ProcessHandle, StartError } from './process.ts';

/** Starts processes again that ended although nobody asked them to. */
export interface RestartPolicy {
  readonly clock: Clock;
  /** Takes a line about what is started again. */
  readonly report: (line: string) => void;
}

export interface Clock {
  /** Milliseconds; never goes back. */
  now(): number;
  /** Resolves after so many milliseconds, or once the signal is aborted. */
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

/** Milliseconds before the first new start; each later pause is twice as long, up to the last. */
const PAUSE_MS = { first: 1_000, last: 30_000 };
/** Milliseconds after which a process that runs counts as healthy, so that its next pause is the first one again. */
const HEALTHY_MS = 60_000;

/**
 * A process that is started again whenever it ends by itself, for ever, until it is stopped or killed through its
 * handle. A new start has no deadline: what runs but is not ready may wait for a server that is away. Only a process
 * that has been ready once is started again; the first failure to start is the caller's.
 *
 * @param create makes the process, given what to call when it ends by itself
 */
export function keepRunning(create: (crashed: () => void) => Process, policy: RestartPolicy): ProcessHandle {
  const { clock, report } = policy;
  const process = create(() => void startAgain());
  const { name } = process;
  let pauseMs = PAUSE_MS.first;
  /** When it became ready; `undefined` until it has been for the first time. */
  let readyAt: number | undefined;
  /** Ends the attempts under way. */
  let attempts = new AbortController();

  async function startAgain(): Promise<void> {
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
        await process.startPatiently((lateMs) =>
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

  async function byHand(start: () => Promise<void>): Promise<void> {
    attempts.abort();
    attempts = new AbortController();
    const { signal } = attempts;
    try {
      await start();
      readyAt = clock.now();
    } catch (error) {
      if (readyAt !== undefined && !signal.aborted) void startAgain();
      throw error;
    }
  }

  return {
    name,
    get pid() {
      return process.pid;
    },
    start: () => byHand(() => process.start()),
    restart: () => byHand(() => process.restart()),
    stop() {
      attempts.abort();
      return process.stop();
    },
    kill(signal) {
      if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') attempts.abort();
      return process.kill(signal);
    },
    recentLines: () => process.recentLines(),
  };
}
