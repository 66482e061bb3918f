import { inject } from 'vitest';
import type { StackPorts } from '../stack/ports.ts';
import type { StackUrls } from '../stack/servers.ts';

/** The stack that test/global-setup.ts runs for all tests of the project `servers`. */
export interface StackContext {
  readonly ports: StackPorts;
  readonly urls: StackUrls;
  /** Every `WAYBILL_*` setting of the API and the worker. */
  readonly settings: Readonly<Record<string, string>>;
}

declare module 'vitest' {
  interface ProvidedContext {
    stack: StackContext;
  }
}

/**
 * The shared stack. A test must leave it running as it found it: one that kills a server starts its own with
 * `startServers({ ports: 'free', … })`.
 */
export function useStack(): StackContext {
  return inject('stack');
}
