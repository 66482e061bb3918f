import { fileURLToPath } from 'node:url';
import { answersOk } from './probe.ts';
import type { Environment, ProcessSpec } from './process.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Threads for queries, file access and compression of one process; libuv's default of 4 can be used up by four exports. */
const THREADS = '16';

/** One of Waybill's own processes, such as `api/main.ts` or `worker/main.ts`. */
export function serviceProcess(options: {
  readonly name: string;
  /** From the root of the repository. */
  readonly entry: string;
  readonly environment: Environment;
  /** Answers with success once the service is ready. */
  readonly readyUrl: string;
}): ProcessSpec {
  const { name, entry, environment, readyUrl } = options;
  return {
    name,
    command: process.execPath,
    arguments: [`${ROOT}${entry}`],
    environment: { UV_THREADPOOL_SIZE: THREADS, ...environment },
    identity: undefined,
    stopSignal: 'SIGTERM',
    graceMs: 30_000,
    readyMs: 60_000,
    ready: () => answersOk(readyUrl),
    retryWhen: undefined,
  };
}

/**
 * The surrounding environment with the stack's settings over it. A surrounding `<name>_FILE` must not bring another
 * value in by the back door.
 */
export function serviceEnvironment(environment: Environment, settings: Readonly<Record<string, string>>): Environment {
  const kept = Object.entries(environment).filter(([name]) => !Object.hasOwn(settings, name.replace(/_FILE$/, '')));
  return { ...Object.fromEntries(kept), ...settings };
}
