import type { LogLevel, LogMetadata, Logger as TemporalLogger } from '@temporalio/worker';
import type { Logger } from 'pino';

/** Forwards Temporal's log to the process's log. Its metadata contains no payloads. */
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

/** Metadata worth logging; the rest is in the Temporal UI. */
const LOGGED: ReadonlySet<string> = new Set(['workflowId', 'runId', 'activityType', 'attempt', 'error', 'taskQueue']);

/** The worker for parts deliberately has no workflows. */
const EXPECTED = /^No workflows registered/;
