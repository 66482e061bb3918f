import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getProgram } from '../stack/find.ts';
import { freePorts, LOOPBACK } from '../stack/ports.ts';
import type { ProcessHandle } from '../stack/process.ts';
import { minioProcess } from '../stack/server-processes.ts';
import { type RunningServers, startServers } from '../stack/servers.ts';
import { DEMO } from '../stack/settings.ts';
import { type ServiceSettings, startServices } from '../stack/stack.ts';
import { createSupervisor, startOrStop } from '../stack/supervisor.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import type { ObjectsOptions } from '../stores/objects/connection.ts';
import { objectsOptions } from '../stores/objects/minio.ts';
import type { Bench, Timed } from './benchmark.ts';
import { type Client, createClient } from './client.ts';
import { readCpuOfTree } from './cpu.ts';
import { peerVariables } from './peers.ts';
import { attachSql, buildReadings, TENANT } from './readings.ts';

/** All of Waybill on servers of its own: API and worker as processes, as in the local stack. */
export interface Deployment extends AsyncDisposable {
  readonly servers: RunningServers;
  readonly client: Client;
  readonly api: ProcessHandle;
  readonly worker: ProcessHandle;
  readonly settings: ServiceSettings;
  /** Of the tenant's only credential, whose client id is the tenant's key. */
  readonly secret: string;
}

/** Limits of requests and exports that no benchmark reaches. */
const UNLIMITED = '1000000';

/**
 * @param catalog path of a catalog that reads the table as `bench.readings`
 * @param warehouseSql statements after the one that attaches it
 * @param settingsFor the servers: further settings of the services
 */
export async function deploy(
  bench: Bench,
  catalog: string,
  warehouseSql: readonly string[] = [],
  settingsFor: (servers: RunningServers) => Promise<Readonly<Record<string, string>>> = async () => ({}),
): Promise<Deployment> {
  const { directory, environment, signal } = bench;
  const warehouse = await buildReadings(bench);
  // If this process is root, PostgreSQL runs as another user and must reach its data.
  await chmod(directory, 0o711);
  const tempDirectory = join(directory, 'tmp');
  await mkdir(tempDirectory);
  const servers = await startServers({
    ...{ ports: 'free', dataDirectory: join(directory, 'servers'), environment, signal },
    ...{ ...silent(bench), report: () => undefined },
  });
  return startOrStop(servers, signal, async () => {
    const secret = await addTenant(servers);
    const settings = {
      ...servers.settings,
      WAYBILL_LOG_LEVEL: 'warn',
      WAYBILL_CATALOG: catalog,
      WAYBILL_WAREHOUSE_SQL: [attachSql(warehouse), ...warehouseSql].join(';\n'),
      WAYBILL_TEMP_DIRECTORY: tempDirectory,
      WAYBILL_TENANT_REQUESTS_MAX: UNLIMITED,
      WAYBILL_TENANT_EXPORTS_MAX: UNLIMITED,
      ...(await settingsFor(servers)),
    };
    const services = await startServices(servers.supervisor, { settings, environment: bareEnvironment(bench) });
    const client = await createClient({ url: servers.urls.api, clientId: TENANT, secret, signal });
    return { servers, client, ...services, settings, secret, [Symbol.asyncDispose]: () => servers.stop() };
  });
}

/** Variables besides the settings. */
export function bareEnvironment({ environment, directory }: Bench) {
  return { PATH: environment.PATH, HOME: directory };
}

/** Only crashes are reported. */
export function silent({ report }: Bench) {
  return { line: () => undefined, crashed: (name: string, how: string) => report(`${name} ${how}`) };
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

/** Variables for scripts that download through the API, with the headers in `$HEADERS`, or from the object store. */
export async function downloadVariables(bench: Bench, { client, settings }: Deployment, privateKey: string) {
  // In a file, as a user would keep it, because other users can see arguments.
  const headers = join(bench.directory, 'headers.txt');
  await writeFile(headers, `Authorization: ${client.authorization}\nx-private-key: ${privateKey}\n`, { mode: 0o600 });
  return { ...(await peerVariables(bench, objectsOptions(settings), privateKey)), HEADERS: headers };
}

/** A MinIO server of a benchmark's own. */
export interface ObjectServer extends AsyncDisposable {
  readonly objects: ObjectsOptions;
  readonly server: ProcessHandle;
}

export async function startObjectServer(bench: Bench): Promise<ObjectServer> {
  const program = await getProgram('minio', bench);
  const ports = await freePorts();
  await mkdir(join(bench.directory, 'minio'));
  const supervisor = createSupervisor(silent(bench));
  const server = await startOrStop(supervisor, bench.signal, () =>
    supervisor.start(
      minioProcess({ program, ports, dataDirectory: bench.directory, environment: bareEnvironment(bench) }),
    ),
  );
  return {
    server,
    objects: {
      url: `http://${LOOPBACK}:${ports.objects}`,
      region: 'us-east-1',
      bucket: 'waybill',
      accessKey: DEMO.objectsAccessKey,
      secretKey: DEMO.objectsSecretKey,
    },
    [Symbol.asyncDispose]: () => supervisor.stop(),
  };
}

/** @returns MiB of a process's peak resident set. Source: proc_pid_status(5), VmHWM, in KiB. Linux only */
export async function readPeak({ pid }: ProcessHandle): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  if (peak === undefined) throw new Error('The peak of a process cannot be read: this benchmark needs Linux.');
  return Number(peak) / 1024;
}

/** Adds the CPU seconds that these servers spend meanwhile to those of a run. */
export async function withServers(servers: readonly ProcessHandle[], run: () => Promise<Timed>): Promise<Timed> {
  const spent = async () => (await Promise.all(servers.map(readCpuOfTree))).reduce((sum, cpu) => sum + cpu, 0);
  const before = await spent();
  const { seconds, cpu } = await run();
  return { seconds, cpu: cpu + (await spent()) - before };
}
