import { watch } from 'node:fs';
import { join } from 'node:path';

/** Top-level directories that the services are made of. */
export const SERVICE_DIRECTORIES: readonly string[] = [
  'contracts',
  'config',
  'streams',
  'formats',
  'stores',
  'workflows',
  'activities',
  'api',
  'sftp',
  'worker',
  'catalogs',
];

/** Debounce in milliseconds: editors write a file several times. */
const QUIET_MS = 200;

/**
 * Calls back when source files below a directory change: once for changes in quick succession, and never while the
 * previous callback is still running.
 *
 * Not `node --watch`: its messages to worker threads conflict with those of Temporal's workflow threads.
 *
 * @param directories watched recursively
 * @param changed takes one of the changed files
 */
export function watchSources(
  directories: readonly string[],
  changed: (path: string) => Promise<void>,
  signal: AbortSignal,
): void {
  let pending: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let last = Promise.resolve();

  async function act(): Promise<void> {
    const path = pending;
    pending = undefined;
    if (path !== undefined && !signal.aborted) await changed(path);
  }

  for (const directory of directories) {
    watch(directory, { recursive: true, signal }, (_, name) => {
      if (!name || !/\.(ts|sql|ya?ml)$/.test(name) || name.endsWith('.test.ts')) return;
      pending = join(directory, name);
      clearTimeout(timer);
      timer = setTimeout(() => {
        last = last.then(act);
      }, QUIET_MS);
    });
  }
}
