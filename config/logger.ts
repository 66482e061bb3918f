import { type Logger, type LoggerOptions, pino, stdSerializers } from 'pino';
import { WaybillError } from '../contracts/failures.ts';
import { CatalogError } from './catalog-source.ts';
import { type Settings, SettingsError } from './settings.ts';

/** Fields and headers that are redacted from the log, up to two levels deep. */
const REDACTED = [
  ...['authorization', 'cookie', 'api-key', 'x-private-key'],
  ...['secret', 'secretKey', 'privateKey', 'identity', 'password', 'signature', 'downloadUrl'],
];

/**
 * The process's log: JSON lines on standard output. Written synchronously, so that the last line survives when the process
 * kills itself, and no line waits for a thread of libuv's pool.
 *
 * @param name of the process, on every line
 */
export function createLogger(name: string, level: Settings['WAYBILL_LOG_LEVEL']): Logger {
  const options: LoggerOptions = {
    name,
    level,
    base: { name },
    // Temporal's SDK logs errors as `error`.
    serializers: { err: stdSerializers.err, error: stdSerializers.err },
    redact: {
      paths: REDACTED.flatMap((field) => [`["${field}"]`, `*["${field}"]`, `*.headers["${field}"]`]),
      censor: '[redacted]',
    },
  };
  return pino(options, pino.destination({ dest: process.stdout.fd, sync: true }));
}

/**
 * Message of a process that cannot start. Stack traces are for developers; a wrong setting or catalog, or a store that is
 * unavailable, is for the operator.
 */
export function explainStartup(error: unknown): string {
  if (error instanceof SettingsError || error instanceof CatalogError) return error.message;
  if (!(error instanceof WaybillError)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  return [error.message, ...causesOf(error).map((cause) => `The cause: ${cause}`)].join('\n');
}

/** @returns messages of the causes, nearest first */
function causesOf({ cause }: Error): string[] {
  return cause instanceof Error ? [cause.message, ...causesOf(cause)] : [];
}

/**
 * Translates the error of a server that cannot listen.
 *
 * @param setting that holds the port
 */
export function explainListening(error: unknown, port: number, setting: keyof Settings): unknown {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'EADDRINUSE') return error;
  return new SettingsError(`Port ${port} is taken. Free it, or set ${setting} to another one.`);
}
