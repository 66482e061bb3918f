import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment, ProcessHandle } from '../../stack/process.ts';
import { type RunningServers, startServers } from '../../stack/servers.ts';
import { prepareStores, type ServiceSettings, startServices } from '../../stack/stack.ts';
import { temporaryFolder } from '../cleanup.ts';
import { startWorker } from '../context.ts';
import { ETHERNET, LINKS, type Network, startNetwork } from '../network.ts';
import { QUIET } from '../programs.ts';
import { CATALOG } from './source.ts';

/** Processes whose last output is shown if something is wrong. */
const SERVICES = new Set(['api', 'worker', 'worker-2']);

/** Servers, an API and two workers, each service with a network of its own to the servers. */
export interface Deployment {
  readonly servers: RunningServers;
  readonly settings: ServiceSettings;
  readonly api: ProcessHandle;
  readonly workers: readonly [ProcessHandle, ProcessHandle];
  /** Of the API and the first worker; callers reach the API through it. */
  readonly network: Network;
  /** Of the second worker. */
  readonly otherNetwork: Network;
  /** Where MinIO keeps its data. */
  readonly objectsDirectory: string;
  /** Output of the processes, oldest first. */
  readonly lines: readonly string[];
  /** Processes that ended unexpectedly, and how. */
  readonly crashes: readonly string[];
  stop(): Promise<void>;
}

export async function startDeployment(environment: Environment): Promise<Deployment> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'catalog.yaml'), CATALOG);
  const lines: string[] = [];
  const crashes: string[] = [];
  const servers = await startServers({
    ...QUIET,
    ports: 'free',
    dataDirectory: folder,
    environment,
    line(name, line) {
      if (SERVICES.has(name)) lines.push(`${name} | ${line}`);
    },
    crashed: (name, how) => crashes.push(`${name} ${how}`),
  });
  try {
    await prepareStores(servers.settings);
    const settings = {
      ...servers.settings,
      WAYBILL_CATALOG: join(folder, 'catalog.yaml'),
      WAYBILL_WAREHOUSE_SQL: 'SELECT 1',
      WAYBILL_PART_ROWS: '60000',
      WAYBILL_PERIODIC_GRACE_SECONDS: '5',
      WAYBILL_STRAY_SECONDS: '10',
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
    const viaOther = { ...settings, ...otherNetwork.settings };
    const other = await startWorker(servers.supervisor, 'worker-2', viaOther, environment);
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
