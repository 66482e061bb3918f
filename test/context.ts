import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';
import { freePort, LOOPBACK, type StackPorts } from '../stack/ports.ts';
import { postgresUrl, prepareDatabase } from '../stack/postgres.ts';
import type { ProcessHandle } from '../stack/process.ts';
import type { DemoCredential } from '../stack/samples.ts';
import type { StackUrls } from '../stack/servers.ts';
import {
  prepareStores,
  type ServiceSettings,
  serviceEnvironment,
  serviceProcess,
  startServices,
} from '../stack/stack.ts';
import { createSupervisor, type Supervisor } from '../stack/supervisor.ts';
import { type Network, startNetwork } from './network.ts';

/**
 * The stack that test/global-setup.ts runs for all tests of the project `servers`. It lives in another process than the
 * tests, who therefore cannot kill its parts, and must not: a test that
 *
 * - kills or reconfigures the API or a worker starts its own with {@link startOwnServices}: own processes on the shared
 *   servers, apart from all others by a Temporal namespace, a bucket and a ledger of their own;
 * - kills PostgreSQL, MinIO or Temporal starts its own servers with `startServers({ ports: 'free', … })` of
 *   stack/servers.ts (about two seconds), whose handles have `kill` and `restart`.
 */
export interface StackContext {
  readonly ports: StackPorts;
  readonly urls: StackUrls;
  /** Every `WAYBILL_*` setting of the API and the worker. */
  readonly settings: ServiceSettings;
  /** What processes that a test starts should have around them: PATH and the like. */
  readonly environment: Readonly<Record<string, string>>;
  readonly credentials: readonly DemoCredential[];
}

declare module 'vitest' {
  interface ProvidedContext {
    stack: StackContext;
  }
}

export function useStack(): StackContext {
  return inject('stack');
}

/** @returns the `Authorization` header of a demo credential */
export function basic(clientId = 'dreambuilder', secret = `${clientId}-demo-secret`): string {
  return `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`;
}

/** An API and a worker of a test's own. */
export interface OwnServices {
  /** Where the API answers. */
  readonly url: string;
  readonly settings: ServiceSettings;
  readonly api: ProcessHandle;
  readonly worker: ProcessHandle;
  /** Starts one more worker. @param settings on top of those of the first */
  startWorker(name: string, settings?: Readonly<Record<string, string>>): Promise<ProcessHandle>;
  /** What they have written, oldest first. */
  readonly lines: readonly string[];
  stop(): Promise<void>;
}

/** The same with proxies between the two and their servers. */
export interface NetworkedServices extends OwnServices {
  readonly network: Network;
}

type OwnSettings = Readonly<Record<string, string>>;

/** How an API and a worker reach their servers; the worker's settings are on top of those of both. */
interface Connections {
  readonly settings: OwnSettings;
  readonly workerSettings?: OwnSettings;
}

/**
 * Starts an API and a worker on the shared servers.
 *
 * @param settings on top of those of the shared stack, such as `{ WAYBILL_PART_ROWS: '1000' }`
 * @param workerSettings of the first worker alone, on top of those, such as a gate to the object store
 */
export async function startOwnServices(
  settings: OwnSettings = {},
  workerSettings: OwnSettings = {},
): Promise<OwnServices> {
  return startServicesVia(async (_supervisor, own) => ({ settings: own, workerSettings }), settings);
}

/** The same with a network between the services and their servers, undisturbed at first. */
export async function startServicesOnNetwork(settings: OwnSettings = {}): Promise<NetworkedServices> {
  const { environment } = useStack();
  return startServicesVia((supervisor, own) => startNetwork(supervisor, own, environment), settings);
}

/** Settings of services of a test's own on the shared servers, with a ledger and a bucket that exist. */
export async function prepareOwnSettings(settings: OwnSettings = {}): Promise<ServiceSettings> {
  const stack = useStack();
  const name = `test-${randomUUID()}`;
  const [apiPort, healthPort] = [await freePort(), await freePort()];
  const own = {
    ...stack.settings,
    WAYBILL_API_PORT: String(apiPort),
    WAYBILL_PUBLIC_URL: `http://${LOOPBACK}:${apiPort}`,
    WAYBILL_WORKER_HEALTH_PORT: String(healthPort),
    WAYBILL_TEMPORAL_NAMESPACE: name,
    WAYBILL_OBJECTS_BUCKET: name,
    WAYBILL_LEDGER_URL: postgresUrl(stack.ports.postgres, name),
    ...settings,
  };
  await prepareDatabase(stack.ports.postgres, name);
  await prepareStores(own);
  return own;
}

async function startServicesVia<Via extends Connections>(
  connect: (supervisor: Supervisor, own: ServiceSettings) => Promise<Via>,
  settings: OwnSettings,
) {
  const stack = useStack();
  const own = await prepareOwnSettings(settings);
  const url = own.WAYBILL_PUBLIC_URL;
  const lines: string[] = [];
  const supervisor = createSupervisor({
    line: (from, line) => lines.push(`${from} | ${line}`),
    crashed: (from, how) => lines.push(`${from} ${how}`),
  });
  try {
    const network = await connect(supervisor, own);
    const through = { ...own, ...network.settings };
    const services = await startServices(supervisor, {
      settings: through,
      workerSettings: network.workerSettings ?? {},
      environment: stack.environment,
    });
    const startWorker: OwnServices['startWorker'] = async (workerName, workerSettings = {}) => {
      const port = String(await freePort());
      const merged = { ...through, ...workerSettings, WAYBILL_WORKER_HEALTH_PORT: port };
      return supervisor.start(
        serviceProcess({
          name: workerName,
          entry: 'worker/main.ts',
          environment: serviceEnvironment(stack.environment, merged),
          readyUrl: `http://${LOOPBACK}:${port}/healthz`,
        }),
      );
    };
    return { url, settings: own, ...services, startWorker, network, lines, stop: () => supervisor.stop() };
  } catch (error) {
    await supervisor.stop();
    throw error;
  }
}
