import { fileURLToPath } from 'node:url';
import type { Environment } from './environment.ts';
import { answersOk } from './probe.ts';
import type { ProcessSpec } from './process.ts';

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
  /** Whether it restarts when one of its source files changes. */
  readonly watch: boolean;
}): ProcessSpec {
  const { name, entry, environment, readyUrl, watch } = options;
  return {
    name,
    command: process.execPath,
    arguments: [...(watch ? ['--watch', '--watch-preserve-output'] : []), `${ROOT}${entry}`],
    environment: { UV_THREADPOOL_SIZE: THREADS, ...environment },
    identity: undefined,
    stopSignal: 'SIGTERM',
    graceMs: 30_000,
    readyMs: 60_000,
    ready: () => answersOk(readyUrl),
    retryWhen: undefined,
  };
}
