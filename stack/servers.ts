import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type FoundProgram, getProgram } from './find.ts';
import { freePorts, LOOPBACK, requireFree, type StackPorts } from './ports.ts';
import { postgresProcess, postgresUrl } from './postgres.ts';
import type { Environment, ProcessHandle } from './process.ts';
import type { ProgramName } from './programs.ts';
import { mailProcess, minioProcess, temporalProcess } from './server-processes.ts';
import { DEMO } from './settings.ts';
import { createSupervisor, type Supervisor, type SupervisorEvents, startOrStop } from './supervisor.ts';

export type StackUrls = Readonly<ReturnType<typeof stackUrls>>;

/** The four servers, running. */
export interface RunningServers {
  readonly ports: StackPorts;
  readonly urls: StackUrls;
  /** Settings that connect Waybill's processes with the servers; nothing about the catalog or the warehouse. */
  readonly settings: ConnectionSettings;
  readonly postgres: ProcessHandle;
  readonly minio: ProcessHandle;
  readonly temporal: ProcessHandle;
  readonly mail: ProcessHandle;
  /** Runs the servers; processes started on it later are stopped before them. */
  readonly supervisor: Supervisor;
  /** Stops all processes, last started first. */
  stop(): Promise<void>;
}

export interface StackOptions extends SupervisorEvents {
  /** `free`: any ports that are free. */
  readonly ports: StackPorts | 'free';
  /** Absolute; created if it is missing. */
  readonly dataDirectory: string;
  /** PATH, the cache's directory, settings that name executables. */
  readonly environment: Environment;
  /** Takes one line of progress. */
  readonly report: (line: string) => void;
  /** Aborts the start; processes that already run are stopped. */
  readonly signal: AbortSignal;
}

/**
 * Checks the ports, finds or fetches the servers, starts all four at once and waits until each is ready.
 *
 * @throws Error that says what is wrong and what to change; nothing is left running
 */
export async function startServers(options: StackOptions): Promise<RunningServers> {
  const { dataDirectory, environment, report, signal } = options;
  const ports = options.ports === 'free' ? await freePorts() : options.ports;
  await requireFree(ports);
  const programs = await getServers(options);
  signal.throwIfAborted();

  await mkdir(join(dataDirectory, 'minio'), { recursive: true });
  const supervisor = createSupervisor(options);
  const common = { ports, dataDirectory, environment: bare(environment) };
  const [postgres, minio, temporal, mail] = await startOrStop(supervisor, signal, () =>
    Promise.all([
      postgresProcess({
        executable: programs.postgres.path,
        directory: join(dataDirectory, 'postgres'),
        port: ports.postgres,
        environment: common.environment,
        report,
      }).then((spec) => supervisor.start(spec)),
      supervisor.start(minioProcess({ ...common, program: programs.minio })),
      supervisor.start(temporalProcess({ ...common, program: programs.temporal })),
      supervisor.start(mailProcess({ ...common, program: programs.maildev })),
    ]),
  );
  const urls = stackUrls(ports);
  const settings = connectionSettings(ports, urls);
  return { ports, urls, settings, postgres, minio, temporal, mail, supervisor, stop: () => supervisor.stop() };
}

async function getServers(options: StackOptions) {
  const get = async (name: ProgramName): Promise<FoundProgram> => {
    const found = await getProgram(name, options);
    options.report(
      `${name}: from ${found.origin === 'fetched' ? 'the cache, just fetched' : found.origin} (${found.path})`,
    );
    return found;
  };
  const [temporal, minio, postgres, maildev] = await Promise.all([
    get('temporal'),
    get('minio'),
    get('postgres'),
    get('maildev'),
  ]);
  return { temporal, minio, postgres, maildev };
}

export function stackUrls(ports: StackPorts) {
  const at = (port: number) => `http://${LOOPBACK}:${port}`;
  return {
    api: at(ports.api),
    temporalUi: at(ports.temporalUi),
    objects: at(ports.objects),
    objectsConsole: at(ports.objectsConsole),
    mail: at(ports.mail),
    workerHealth: at(ports.workerHealth),
    sftp: `sftp://${LOOPBACK}:${ports.sftp}`,
    sftpHealth: at(ports.sftpHealth),
  };
}

function connectionSettings(ports: StackPorts, urls: StackUrls) {
  return {
    WAYBILL_ENV: 'local',
    WAYBILL_API_HOST: LOOPBACK,
    WAYBILL_API_PORT: String(ports.api),
    WAYBILL_PUBLIC_URL: urls.api,
    WAYBILL_TEMPORAL_ADDRESS: `${LOOPBACK}:${ports.temporal}`,
    WAYBILL_TEMPORAL_NAMESPACE: 'waybill',
    WAYBILL_TEMPORAL_TLS: 'false',
    WAYBILL_TEMPORAL_UI_URL: urls.temporalUi,
    WAYBILL_LEDGER_URL: postgresUrl(ports.postgres),
    WAYBILL_OBJECTS_URL: urls.objects,
    WAYBILL_OBJECTS_REGION: 'us-east-1',
    WAYBILL_OBJECTS_BUCKET: 'waybill',
    WAYBILL_OBJECTS_ACCESS_KEY: DEMO.objectsAccessKey,
    WAYBILL_OBJECTS_SECRET_KEY: DEMO.objectsSecretKey,
    WAYBILL_WORKER_HEALTH_PORT: String(ports.workerHealth),
    WAYBILL_SFTP_HOST: LOOPBACK,
    WAYBILL_SFTP_PORT: String(ports.sftp),
    WAYBILL_SFTP_HEALTH_PORT: String(ports.sftpHealth),
    WAYBILL_LINK_SECRET: DEMO.linkSecret,
    WAYBILL_TOKEN_SECRET: DEMO.tokenSecret,
    WAYBILL_OPERATOR_SECRET_HASH: DEMO.operatorSecretHash,
    WAYBILL_SIGNING_KEY: DEMO.signingKey,
    WAYBILL_SECRETS_KEY: DEMO.secretsKey,
    WAYBILL_ANONYMIZE_KEY: DEMO.anonymizeKey,
    WAYBILL_SUPPORT_EMAIL: 'support@waybill.example',
    // Files may be pushed to servers on this machine.
    WAYBILL_PUSH_ALLOWED_NETWORKS: '127.0.0.0/8',
    WAYBILL_SMTP_URL: `smtp://${LOOPBACK}:${ports.smtp}`,
  };
}

export type ConnectionSettings = Readonly<ReturnType<typeof connectionSettings>>;

/** The environment without variables that the servers would read as their configuration. */
function bare(environment: Environment): Environment {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !/^(WAYBILL|PG|MINIO|TEMPORAL|MAILDEV)_?/.test(name)),
  );
}
