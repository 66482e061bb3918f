import { createLedger } from '../stores/ledger/postgres.ts';
import { createObjects } from '../stores/objects/minio.ts';
import { objectsOptions } from '../stores/objects/settings.ts';
import { LOOPBACK } from './ports.ts';
import type { Environment, ProcessHandle, ProcessSpec } from './process.ts';
import type { ConnectionSettings } from './servers.ts';
import { serviceEnvironment, serviceProcess } from './service.ts';
import type { Supervisor } from './supervisor.ts';
import { seedDemoTenants } from './tenants.ts';

/** Settings of the API and the worker: how to reach the servers, and the catalog and warehouse. */
export type ServiceSettings = ConnectionSettings & Readonly<Record<string, string>>;

/** What the API and a worker are started with. */
export interface ServiceOptions {
  readonly settings: ServiceSettings;
  /** Surrounds the settings: PATH and the like. */
  readonly environment: Environment;
}

/** Makes the bucket, the ledger's tables and the demo tenants where they are missing. */
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

/** Starts the API and a worker at once. @returns when both are ready */
export async function startServices(
  supervisor: Supervisor,
  options: ServiceOptions,
): Promise<{ readonly api: ProcessHandle; readonly worker: ProcessHandle }> {
  const [api, worker] = await Promise.all([
    supervisor.start(specOf('api', options)),
    supervisor.start(specOf('worker', options)),
  ]);
  return { api, worker };
}

function specOf(name: 'api' | 'worker', { settings, environment }: ServiceOptions): ProcessSpec {
  const ready = {
    api: `${settings.WAYBILL_API_PORT}/readyz`,
    worker: `${settings.WAYBILL_WORKER_HEALTH_PORT}/healthz`,
  }[name];
  return serviceProcess({
    name,
    entry: `${name}/main.ts`,
    environment: serviceEnvironment(environment, settings),
    readyUrl: `http://${LOOPBACK}:${ready}`,
  });
}
