import { join } from 'node:path';
import type { ProcessHandle } from './process.ts';
import { type RunningServers, type StackOptions, startServers } from './servers.ts';
import { prepareStores, type ServiceSettings, startServices } from './services.ts';
import { prepareWarehouse } from './warehouse.ts';

/** The servers with the API and a worker on them, the sample warehouse and the demo tenants. */
export interface RunningStack extends RunningServers {
  /** Every setting of the API and the worker. */
  readonly settings: ServiceSettings;
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
    /** Size of the sample warehouse, as a multiple of the default. */
    readonly sampleScale: number;
    /** Settings on top of the stack's own. */
    readonly settings: Readonly<Record<string, string>>;
  },
): Promise<RunningStack> {
  const { dataDirectory, environment, report, sampleScale, signal } = options;
  const servers = await startServers(options);
  const giveUp = () => void servers.stop();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    const [warehouse] = await Promise.all([
      prepareWarehouse({ directory: join(dataDirectory, 'warehouse'), scale: sampleScale, report }),
      prepareStores(servers.settings),
    ]);
    const settings = { ...servers.settings, ...warehouse, ...options.settings };
    report('starting the API and a worker');
    return { ...servers, settings, ...(await startServices(servers.supervisor, { settings, environment })) };
  } catch (error) {
    await servers.stop();
    throw error;
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}
