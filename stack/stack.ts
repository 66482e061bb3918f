import { join } from 'node:path';
import { createLedger } from '../stores/ledger/postgres.ts';
import type { Environment } from './environment.ts';
import type { ProcessHandle } from './process.ts';
import { type ConnectionSettings, type RunningServers, type StackOptions, startServers } from './servers.ts';
import { serviceProcess } from './service.ts';
import { seedDemoTenants } from './tenants.ts';
import { prepareWarehouse } from './warehouse.ts';

/** The servers with the API and a worker on them, the sample warehouse and the demo tenants. */
export interface RunningStack extends RunningServers {
  /** Every setting of the API and the worker. */
  readonly settings: ConnectionSettings & Readonly<Record<string, string>>;
  readonly api: ProcessHandle;
  readonly worker: ProcessHandle;
}

/**
 * Starts everything, in the order of dependency.
 *
 * @throws Error that says what is wrong and what to change; nothing is left running
 */
export async function startStack(
  options: StackOptions & {
    /** Size of the sample warehouse, as a multiple of its smallest. */
    readonly sampleScale: number;
    /** Whether the API and the worker restart when their source changes. */
    readonly watch: boolean;
    /** Settings on top of the stack's own. */
    readonly settings: Readonly<Record<string, string>>;
  },
): Promise<RunningStack> {
  const { dataDirectory, environment, report, sampleScale, watch } = options;
  const servers = await startServers(options);
  try {
    const [warehouse] = await Promise.all([
      prepareWarehouse({ directory: join(dataDirectory, 'warehouse'), scale: sampleScale, report }),
      seed(servers),
    ]);
    const settings = { ...servers.settings, ...warehouse, ...options.settings };
    report('starting the API and a worker');
    const start = (name: 'api' | 'worker', readyUrl: string) =>
      servers.supervisor.start(
        serviceProcess({
          name,
          entry: `${name}/main.ts`,
          environment: serviceEnvironment(environment, settings),
          readyUrl,
          watch,
        }),
      );
    const [api, worker] = await Promise.all([
      start('api', `${servers.urls.api}/readyz`),
      start('worker', `${servers.urls.workerHealth}/healthz`),
    ]);
    return { ...servers, settings, api, worker };
  } catch (error) {
    await servers.stop();
    throw error;
  }
}

/**
 * What a service of the stack sees: the surrounding environment with the stack's settings over it. A surrounding
 * `<name>_FILE` must not bring another value in by the back door.
 */
export function serviceEnvironment(environment: Environment, settings: Readonly<Record<string, string>>): Environment {
  const kept = Object.entries(environment).filter(([name]) => !Object.hasOwn(settings, name.replace(/_FILE$/, '')));
  return { ...Object.fromEntries(kept), ...settings };
}

async function seed(servers: RunningServers): Promise<void> {
  const ledger = createLedger({ url: servers.settings.WAYBILL_LEDGER_URL, connectionsMax: 1 });
  try {
    await ledger.migrate();
    await seedDemoTenants(ledger);
  } finally {
    await ledger.close();
  }
}
