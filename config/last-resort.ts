import type { Logger } from 'pino';

/** Guards the end of a process, see {@link installLastResort}. */
export interface LastResort {
  /** From here on a thread of libuv's pool may be blocked, so no exit before {@link workEnded} is left to Node. */
  workBegins(): void;
  /** Nothing is under way any more: the process may exit, and gets the time of an orderly stop to do so. */
  workEnded(): void;
  /** Logs the error and kills the process. */
  fail(error: unknown, message: string): never;
}

/** Signals that ask for an orderly stop. */
const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/**
 * Makes sure that a process which is to end is gone soon, whatever its threads do.
 *
 * Every way out of Node joins libuv's thread pool: an uncaught error, `process.exit`, the end of the event loop. A thread
 * that writes into a FIFO which nobody reads any more, as DuckDB's COPY then does, is waited for without end. Only SIGKILL
 * does not wait, so the process sends it to itself:
 *
 * - at once on an uncaught error, an unhandled rejection, or an exit while work is under way;
 * - when an orderly stop takes longer than `stopMs` milliseconds;
 * - on a second signal to stop.
 *
 * A supervisor sees each of these as a failure. The reason is logged first.
 *
 * @param logger must write synchronously, as that of `config/logger.ts` does
 */
export function installLastResort(logger: Logger, stopMs: number): LastResort {
  let working = false;
  let stopping = false;

  function kill(fields: object, message: string): never {
    logger.fatal(fields, message);
    process.kill(process.pid, 'SIGKILL');
    throw new Error('SIGKILL had no effect');
  }
  function startDeadline(): void {
    if (stopping) return;
    stopping = true;
    // A timer that keeps the event loop alive would itself delay the exit that it watches.
    setTimeout(() => kill({ stopMs }, 'the process did not stop in time and kills itself'), stopMs).unref();
  }

  process.on('uncaughtException', (error, origin) => {
    kill({ err: error, origin }, 'an error that nobody handles ends the process');
  });
  process.on('exit', (code) => {
    if (working) kill({ code }, 'the process exits while work is under way and kills itself');
  });
  let signals = 0;
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      signals += 1;
      if (signals > 1) kill({ signal }, 'a second signal to stop: the process kills itself');
      logger.info({ signal }, 'asked to stop');
      startDeadline();
    });
  }

  return {
    workBegins() {
      working = true;
    },
    workEnded() {
      working = false;
      startDeadline();
    },
    fail: (error, message) => kill({ err: error }, message),
  };
}
