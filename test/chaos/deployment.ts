import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, LOOPBACK } from '../../stack/ports.ts';
import type { ProcessHandle } from '../../stack/process.ts';
import { type RunningServers, startServers } from '../../stack/servers.ts';
import { prepareStores, serviceEnvironment, serviceProcess, startServices } from '../../stack/stack.ts';
import { ETHERNET, LINKS, type Network, startNetwork } from '../network.ts';
import { CATALOG } from './source.ts';

/** What a run left is looked at again after this time. */
const STRAY_SECONDS = '10';

/** Processes whose last lines are shown when something is wrong. */
const SERVICES = new Set(['api', 'worker', 'worker-2']);

/** Servers, an API and two workers, each service with a network of its own to the servers. */
export interface Deployment {
  readonly servers: RunningServers;
  readonly settings: Readonly<Record<string, string>>;
  readonly api: ProcessHandle;
  readonly workers: readonly [ProcessHandle, ProcessHandle];
  /** Of the API and the first worker; callers reach the API through it. */
  readonly network: Network;
  /** Of the second worker. */
  readonly otherNetwork: Network;
  /** Where MinIO keeps its data. */
  readonly objectsDirectory: string;
  /** What the processes wrote, oldest first. */
  readonly lines: readonly string[];
  /** Processes that ended although nobody asked them to, and how. */
  readonly crashes: readonly string[];
  stop(): Promise<void>;
}

export async function startDeployment(environment: Readonly<Record<string, string | undefined>>): Promise<Deployment> {
  const folder = await mkdtemp(join(tmpdir(), 'waybill-chaos-'));
  // As root, PostgreSQL runs as another user, who must get to its data below.
  await chmod(folder, 0o711);
  await writeFile(join(folder, 'catalog.yaml'), CATALOG);
  const lines: string[] = [];
  const crashes: string[] = [];
  const servers = await startServers({
    ports: 'free',
    dataDirectory: folder,
    environment,
    report: () => undefined,
    line(name, line) {
      if (SERVICES.has(name)) lines.push(`${name} | ${line}`);
    },
    crashed: (name, how) => crashes.push(`${name} ${how}`),
    signal: new AbortController().signal,
  });
  try {
    await prepareStores(servers.settings);
    const settings = {
      ...servers.settings,
      WAYBILL_CATALOG: join(folder, 'catalog.yaml'),
      WAYBILL_WAREHOUSE_SQL: 'SELECT 1',
      WAYBILL_PART_ROWS: '60000',
      WAYBILL_PERIODIC_GRACE_SECONDS: '5',
      WAYBILL_STRAY_SECONDS: STRAY_SECONDS,
      WAYBILL_RECONCILE_SECONDS: '5',
      WAYBILL_LOG_LEVEL: 'warn',
    };
    const network = await startNetwork(servers.supervisor, settings, environment);
    const otherNetwork = await startNetwork(servers.supervisor, settings, environment);
    for (const each of [network, otherNetwork]) {
      for (const link of LINKS) await each.disturb(link, ETHERNET);
    }
    const { api, worker } = await startServices(servers.supervisor, {
      settings: { ...settings, ...network.settings },
      environment,
    });
    const healthPort = String(await freePort());
    const other = await servers.supervisor.start(
      serviceProcess({
        name: 'worker-2',
        entry: 'worker/main.ts',
        environment: serviceEnvironment(environment, {
          ...settings,
          ...otherNetwork.settings,
          WAYBILL_WORKER_HEALTH_PORT: healthPort,
        }),
        readyUrl: `http://${LOOPBACK}:${healthPort}/healthz`,
      }),
    );
    return {
      servers,
      settings,
      api,
      workers: [worker, other],
      network,
      otherNetwork,
      objectsDirectory: join(folder, 'minio'),
      lines,
      crashes,
      async stop() {
        await servers.stop();
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await servers.stop();
    throw error;
  }
}
