import { type Logger, type LoggerOptions, pino } from 'pino';
import type { Settings } from './settings.ts';

/** Fields and headers that never reach the log, whoever passes them, up to two levels deep. */
const REDACTED = [
  ...['authorization', 'cookie', 'api-key', 'x-private-key'],
  ...['secret', 'secretKey', 'privateKey', 'identity', 'password', 'signature', 'downloadUrl'],
];

/**
 * The process's log: JSON lines on standard output. They are written synchronously, so the last one is there when the process
 * kills itself, and none waits for a thread of libuv's pool.
 *
 * @param name of the process, on every line
 */
export function createLogger(name: string, level: Settings['WAYBILL_LOG_LEVEL']): Logger {
  const options: LoggerOptions = {
    name,
    level,
    base: { name },
    redact: {
      paths: REDACTED.flatMap((field) => [`["${field}"]`, `*["${field}"]`, `*.headers["${field}"]`]),
      censor: '[redacted]',
    },
  };
  return pino(options, pino.destination({ dest: process.stdout.fd, sync: true }));
}
