import type { LogLevel, LogMetadata, Logger as TemporalLogger } from '@temporalio/worker';
import type { Logger } from 'pino';

/** Temporal's own log lines, in the process's log. Payloads are not among their metadata. */
export function temporalLogger(logger: Logger): TemporalLogger {
  const write = (level: LogLevel, message: string, meta?: LogMetadata) => {
    if (EXPECTED.test(message)) return;
    const fields = meta ? Object.fromEntries(Object.entries(meta).filter(([name]) => LOGGED.has(name))) : {};
    logger[PINO_LEVELS[level]](fields, message);
  };
  return {
    log: write,
    trace: (message, meta) => write('TRACE', message, meta),
    debug: (message, meta) => write('DEBUG', message, meta),
    info: (message, meta) => write('INFO', message, meta),
    warn: (message, meta) => write('WARN', message, meta),
    error: (message, meta) => write('ERROR', message, meta),
  };
}

const PINO_LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'debug', WARN: 'warn', ERROR: 'error' } as const;

/** Metadata worth a line; the rest repeats what the Temporal UI shows. */
const LOGGED: ReadonlySet<string> = new Set(['workflowId', 'runId', 'activityType', 'attempt', 'error', 'taskQueue']);

/** The worker of parts has no workflows, on purpose. */
const EXPECTED = /^No workflows registered/;
