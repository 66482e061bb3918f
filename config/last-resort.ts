import type { Logger } from 'pino';

/** Makes sure that the process ends, see {@link installLastResort}. */
export interface LastResort {
  /** From here on threads of libuv's pool may block, so an exit before {@link workEnded} is not left to Node. */
  workBegins(): void;
  /** All work has ended: the process may exit, within the time of an orderly stop. */
  workEnded(): void;
  /** Logs the error and kills the process. */
  fail(error: unknown, message: string): never;
}

/** Signals that ask for an orderly stop. */
const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/**
 * Makes sure that a process that should end does so soon, whatever its threads do.
 *
 * Every exit of Node joins libuv's thread pool: an uncaught error, `process.exit`, the end of the event loop. If a thread
 * blocks, such as DuckDB's COPY on a FIFO without a reader, Node waits forever. Only SIGKILL does not wait, so the process
 * sends it to itself:
 *
 * - immediately on an uncaught error, an unhandled rejection, or an exit while work is running;
 * - if an orderly stop takes longer than `stopMs` milliseconds;
 * - on a second stop signal.
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
    // Unreferenced, because the timer itself must not delay the exit.
    setTimeout(() => kill({ stopMs }, 'the process did not stop in time: killing it'), stopMs).unref();
  }

  process.on('uncaughtException', (error, origin) => {
    kill({ err: error, origin }, 'unhandled error: killing the process');
  });
  process.on('exit', (code) => {
    if (working) kill({ code }, 'the process exits while work is running: killing it');
  });
  let signals = 0;
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      signals += 1;
      if (signals > 1) kill({ signal }, 'second signal to stop: killing the process');
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
