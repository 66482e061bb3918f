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
import type { Ledger } from '../stores/ledger/ports.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import { closeAtEnd } from './cleanup.ts';
import { type Network, startNetwork } from './network.ts';

/**
 * The stack that test/global-setup.ts runs for all tests of the project `servers`. It runs in another process, so tests
 * cannot kill its parts, and must not. A test that
 *
 * - kills or reconfigures the API or a worker starts its own with {@link startOwnServices}: own processes on the shared
 *   servers, with a Temporal namespace, a bucket and a ledger of their own;
 * - kills PostgreSQL, MinIO or Temporal starts its own servers with `startOwnStack` of test/own-stack.ts, whose handles have
 *   `kill` and `start`.
 */
export interface StackContext {
  readonly ports: StackPorts;
  readonly urls: StackUrls;
  /** Every `WAYBILL_*` setting of the API and the worker. */
  readonly settings: ServiceSettings;
  /** PATH and other variables for processes that a test starts. */
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

/** Opens the ledger of a stack. It is closed at the end. */
export function openLedger(settings: Pick<ServiceSettings, 'WAYBILL_LEDGER_URL'>): Ledger {
  const ledger = createLedger({ url: settings.WAYBILL_LEDGER_URL, connectionsMax: 2 });
  closeAtEnd(ledger.close);
  return ledger;
}

/** An API and a worker that belong to one test file. */
export interface OwnServices {
  /** Base URL of the API. */
  readonly url: string;
  readonly settings: ServiceSettings;
  readonly api: ProcessHandle;
  readonly worker: ProcessHandle;
  /** Starts another worker. @param settings on top of the API's */
  startWorker(name: string, settings?: OwnSettings): Promise<ProcessHandle>;
  /** Output of the processes, oldest first. */
  readonly lines: readonly string[];
  stop(): Promise<void>;
}

/** The same with proxies between the services and their servers. */
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
 * Starts an API and a worker on the shared servers. They are stopped at the end.
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

/** Settings for own services on the shared servers. Their ledger and bucket exist. */
export async function prepareOwnSettings(settings: OwnSettings = {}): Promise<ServiceSettings> {
  const stack = useStack();
  const name = `test-${randomUUID()}`;
  const [apiPort, healthPort] = [await freePort(), await freePort()];
  const [sftpPort, sftpHealthPort] = [await freePort(), await freePort()];
  const own = {
    ...stack.settings,
    WAYBILL_API_PORT: String(apiPort),
    WAYBILL_PUBLIC_URL: `http://${LOOPBACK}:${apiPort}`,
    WAYBILL_WORKER_HEALTH_PORT: String(healthPort),
    WAYBILL_SFTP_PORT: String(sftpPort),
    WAYBILL_SFTP_HEALTH_PORT: String(sftpHealthPort),
    WAYBILL_TEMPORAL_NAMESPACE: name,
    WAYBILL_OBJECTS_BUCKET: name,
    WAYBILL_LEDGER_URL: postgresUrl(stack.ports.postgres, name),
    ...settings,
  };
  await prepareDatabase(stack.ports.postgres, name);
  await prepareStores(own);
  return own;
}

/** Starts another worker, with a health port of its own. */
export async function startWorker(
  supervisor: Supervisor,
  name: string,
  settings: OwnSettings,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ProcessHandle> {
  const port = String(await freePort());
  return supervisor.start(
    serviceProcess({
      name,
      entry: 'worker/main.ts',
      environment: serviceEnvironment(environment, { ...settings, WAYBILL_WORKER_HEALTH_PORT: port }),
      readyUrl: `http://${LOOPBACK}:${port}/healthz`,
    }),
  );
}

async function startServicesVia<Via extends Connections>(
  connect: (supervisor: Supervisor, own: ServiceSettings) => Promise<Via>,
  settings: OwnSettings,
) {
  const { environment } = useStack();
  const own = await prepareOwnSettings(settings);
  const lines: string[] = [];
  const supervisor = createSupervisor({
    line: (from, line) => lines.push(`${from} | ${line}`),
    crashed: (from, how) => lines.push(`${from} ${how}`),
  });
  const stop = closeAtEnd(() => supervisor.stop());
  const network = await connect(supervisor, own);
  const through = { ...own, ...network.settings };
  const { workerSettings = {} } = network;
  const services = await startServices(supervisor, { settings: through, workerSettings, environment });
  return {
    url: own.WAYBILL_PUBLIC_URL,
    settings: own,
    ...services,
    startWorker: (name: string, more: OwnSettings = {}) =>
      startWorker(supervisor, name, { ...through, ...more }, environment),
    network,
    lines,
    stop,
  };
}
