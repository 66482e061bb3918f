import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLedger } from '../stores/ledger/postgres.ts';
import { createObjects, objectsOptions } from '../stores/objects/minio.ts';
import { prepareExtensions } from './extensions.ts';
import { LOOPBACK } from './ports.ts';
import type { Environment, ProcessHandle, ProcessSpec } from './process.ts';
import { prepareAttachments, prepareWarehouse, seedDemoTenants } from './samples.ts';
import { answersOk } from './server-processes.ts';
import { type ConnectionSettings, type RunningServers, type StackOptions, startServers } from './servers.ts';
import { type Supervisor, startOrStop } from './supervisor.ts';

/** The servers, the API, a worker and the SFTP gateway, with the sample warehouse and the demo tenants. */
export interface RunningStack extends RunningServers {
  /** Every setting of the API and the worker. */
  readonly settings: ServiceSettings;
  readonly api: ProcessHandle;
  readonly worker: ProcessHandle;
  readonly sftp: ProcessHandle;
}

/**
 * Starts everything in order of dependency.
 *
 * @throws Error that says what is wrong and what to change; nothing is left running
 */
export async function startStack(
  options: StackOptions & {
    /** Size of the sample warehouse, as a multiple of the default. */
    readonly sampleScale: number;
    /** Settings on top of the stack's own. */
    readonly settings: Readonly<Record<string, string>>;
  },
): Promise<RunningStack> {
  const { dataDirectory, environment, report, sampleScale, signal } = options;
  const servers = await startServers(options);
  return startOrStop(servers, signal, async () => {
    const [warehouse, extensions] = await Promise.all([
      prepareWarehouse({ directory: join(dataDirectory, 'warehouse'), scale: sampleScale, report }),
      prepareExtensions({ environment, report, signal }),
      prepareStores(servers.settings),
      prepareAttachments(servers.settings),
    ]);
    const settings = { ...servers.settings, ...warehouse, ...extensions, ...options.settings };
    report('starting the API, a worker and the SFTP gateway');
    const [services, sftp] = await Promise.all([
      startServices(servers.supervisor, { settings, environment }),
      startGateway(servers.supervisor, { settings, environment }),
    ]);
    return { ...servers, settings, ...services, sftp };
  });
}

/** Settings of the API and the worker: how to reach the servers, and the catalog and warehouse. */
export type ServiceSettings = ConnectionSettings & Readonly<Record<string, string>>;

/** Creates the bucket, the ledger's tables and the demo tenants if they are missing. */
export async function prepareStores(settings: ConnectionSettings): Promise<void> {
  await createObjects(objectsOptions(settings)).prepare();
  const ledger = createLedger({ url: settings.WAYBILL_LEDGER_URL, connectionsMax: 1 });
  try {
    await ledger.migrate();
    await seedDemoTenants(ledger);
  } finally {
    await ledger.close();
  }
}

/** Starts the API and a worker in parallel. @returns when both are ready */
export async function startServices(
  supervisor: Supervisor,
  options: {
    readonly settings: ServiceSettings;
    /** Settings of the worker alone, on top of those. */
    readonly workerSettings?: Readonly<Record<string, string>>;
    /** Variables besides the settings, such as PATH. */
    readonly environment: Environment;
  },
): Promise<{ readonly api: ProcessHandle; readonly worker: ProcessHandle }> {
  const { settings, environment } = options;
  const workerSettings = { ...settings, ...options.workerSettings };
  const [api, worker] = await Promise.all([
    supervisor.start(
      serviceProcess({
        name: 'api',
        entry: 'api/main.ts',
        environment: serviceEnvironment(environment, settings),
        readyUrl: `http://${LOOPBACK}:${settings.WAYBILL_API_PORT}/readyz`,
      }),
    ),
    supervisor.start(
      serviceProcess({
        name: 'worker',
        entry: 'worker/main.ts',
        environment: serviceEnvironment(environment, workerSettings),
        readyUrl: `http://${LOOPBACK}:${workerSettings.WAYBILL_WORKER_HEALTH_PORT}/healthz`,
      }),
    ),
  ]);
  return { api, worker };
}

/** Starts the SFTP gateway. @returns when it is ready */
export function startGateway(
  supervisor: Supervisor,
  { settings, environment }: { readonly settings: ServiceSettings; readonly environment: Environment },
): Promise<ProcessHandle> {
  return supervisor.start(
    serviceProcess({
      name: 'sftp',
      entry: 'sftp/main.ts',
      environment: serviceEnvironment(environment, settings),
      readyUrl: `http://${LOOPBACK}:${settings.WAYBILL_SFTP_HEALTH_PORT}/readyz`,
    }),
  );
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Threads for queries, file access and compression of one process; libuv's default of 4 can be used up by four exports. */
const THREADS = '16';

/** Flags of Node. What downloads leave to the garbage collector is bounded: with V8's default, 25 at once take 100 MiB more. */
const FLAGS: Readonly<Record<string, readonly string[]>> = { 'api/main.ts': ['--max-semi-space-size=16'] };

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
    arguments: [...(FLAGS[entry] ?? []), `${ROOT}${entry}`],
    environment: { UV_THREADPOOL_SIZE: THREADS, ...environment },
    stopSignal: 'SIGTERM',
    graceMs: 30_000,
    readyMs: 60_000,
    ready: () => answersOk(readyUrl),
  };
}

/**
 * The environment, overridden by the stack's settings. `<name>_FILE` is dropped too, because it would override the
 * setting `<name>`.
 */
export function serviceEnvironment(environment: Environment, settings: Readonly<Record<string, string>>): Environment {
  const kept = Object.entries(environment).filter(([name]) => !Object.hasOwn(settings, name.replace(/_FILE$/, '')));
  return { ...Object.fromEntries(kept), ...settings };
}
