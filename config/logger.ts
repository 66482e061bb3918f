import { type Logger, pino } from 'pino';
import type { Settings } from './settings.ts';

/** Fields and headers that never reach the log, whoever passes them, up to two levels deep. */
const REDACTED = [
  ...['authorization', 'cookie', 'api-key', 'x-private-key'],
  ...['secret', 'secretKey', 'privateKey', 'identity', 'password', 'signature', 'downloadUrl'],
];

/**
 * The process's log: JSON lines on standard output.
 *
 * @param name of the process, on every line
 */
export function createLogger(name: string, level: Settings['WAYBILL_LOG_LEVEL']): Logger {
  return pino({
    name,
    level,
    base: { name },
    redact: {
      paths: REDACTED.flatMap((field) => [`["${field}"]`, `*["${field}"]`, `*.headers["${field}"]`]),
      censor: '[redacted]',
    },
  });
}
