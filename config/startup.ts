import { WaybillError } from '../contracts/failures.ts';
import { CatalogError } from './catalog-error.ts';
import { type Settings, SettingsError } from './settings.ts';

/**
 * What a process that cannot start says. A stack is for whoever mends Waybill; a wrong setting or catalog, or a store that
 * is away, for whoever runs it.
 */
export function explainStartup(error: unknown): string {
  if (error instanceof SettingsError || error instanceof CatalogError) return error.message;
  if (!(error instanceof WaybillError)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  return error.cause instanceof Error ? `${error.message}\nThe cause: ${error.cause.message}` : error.message;
}

/**
 * What to throw when a server cannot listen.
 *
 * @param setting names the port
 */
export function explainListening(error: unknown, port: number, setting: keyof Settings): unknown {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'EADDRINUSE') return error;
  return new SettingsError(`Port ${port} is taken. Free it, or set ${setting} to another one.`);
}
