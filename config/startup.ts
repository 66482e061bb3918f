import { WaybillError } from '../contracts/failures.ts';
import { CatalogError } from './catalog-error.ts';
import { SettingsError } from './settings.ts';

/**
 * What a process that cannot start says. A stack is for whoever mends Waybill; a wrong setting or catalog, or a store that
 * is away, for whoever runs it.
 */
export function explainStartup(error: unknown): string {
  if (error instanceof SettingsError || error instanceof CatalogError) return error.message;
  if (!(error instanceof WaybillError)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  return error.cause instanceof Error ? `${error.message}\nThe cause: ${error.cause.message}` : error.message;
}
