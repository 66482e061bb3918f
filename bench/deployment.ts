import { randomBytes } from 'node:crypto';
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment, ProcessHandle } from '../stack/process.ts';
import { type RunningServers, startServers } from '../stack/servers.ts';
import { serviceProcess } from '../stack/stack.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import type { Bench } from './benchmark.ts';
import { type Client, createClient } from './client.ts';
import { attachSql, TENANT } from './readings.ts';

/** All of Waybill on separate servers: API and worker as processes, as in the local stack. */
export interface Deployment extends AsyncDisposable {
  readonly servers: RunningServers;
  readonly client: Client;
  readonly api: ProcessHandle;
  readonly worker: ProcessHandle;
  /** Environment of the services. */
  readonly environment: Environment;
}

/** Limits of requests and exports that no benchmark reaches. */
const UNLIMITED = '1000000';

/** @param data paths of the table's file and of a catalog that reads it as `bench.readings` */
export async function deploy(
  bench: Bench,
  data: { readonly warehouse: string; readonly catalog: string },
): Promise<Deployment> {
  // If this process is root, PostgreSQL runs as another user and must reach its data.
  await chmod(bench.directory, 0o711);
  const tempDirectory = join(bench.directory, 'tmp');
  await mkdir(tempDirectory);
  let stopping = false;
  const servers = await startServers({
    ports: 'free',
    dataDirectory: join(bench.directory, 'servers'),
    environment: bench.environment,
    report: () => undefined,
    line: () => undefined,
    crashed: (name, how) => {
      if (!stopping) bench.report(`${name} ${how}`);
    },
    signal: bench.signal,
  });
  const stop = () => {
    stopping = true;
    return servers.stop();
  };
  try {
    const secret = await addTenant(servers);
    const environment: Environment = {
      PATH: bench.environment.PATH,
      HOME: bench.directory,
      ...servers.settings,
      WAYBILL_LOG_LEVEL: 'warn',
      WAYBILL_CATALOG: data.catalog,
      WAYBILL_WAREHOUSE_SQL: attachSql(data.warehouse),
      WAYBILL_TEMP_DIRECTORY: tempDirectory,
      WAYBILL_TENANT_REQUESTS_MAX: UNLIMITED,
      WAYBILL_TENANT_EXPORTS_MAX: UNLIMITED,
    };
    const start = (name: string, entry: string, readyUrl: string) =>
      servers.supervisor.start(serviceProcess({ name, entry, environment, readyUrl }));
    const [worker, api] = await Promise.all([
      start('worker', 'worker/main.ts', `http://127.0.0.1:${servers.ports.workerHealth}/healthz`),
      start('api', 'api/main.ts', `${servers.urls.api}/readyz`),
    ]);
    const client = await createClient({ url: servers.urls.api, clientId: TENANT, secret, signal: bench.signal });
    return { servers, client, api, worker, environment, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** @returns the secret of the tenant's only credential, whose client id is the tenant's key */
async function addTenant({ settings }: RunningServers): Promise<string> {
  const secret = randomBytes(24).toString('base64url');
  const ledger = createLedger({ url: settings.WAYBILL_LEDGER_URL, connectionsMax: 1 });
  try {
    await ledger.migrate();
    await ledger.tenants.add({ key: TENANT, title: 'Benchmarks' });
    await ledger.credentials.add({ tenant: TENANT, clientId: TENANT, scopes: ['read', 'write'], secret });
  } finally {
    await ledger.close();
  }
  return secret;
}
