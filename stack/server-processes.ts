import { Connection, isGrpcServiceError } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { FoundProgram } from './find.ts';
import { LOOPBACK } from './ports.ts';
import type { Environment, ProcessSpec } from './process.ts';
import { DEMO } from './settings.ts';

export function minioProcess(options: {
  readonly executable: string;
  readonly directory: string;
  readonly port: number;
  readonly consolePort: number;
  readonly environment: Environment;
}): ProcessSpec {
  const { executable, directory, port, consolePort, environment } = options;
  return {
    name: 'minio',
    command: executable,
    arguments: [
      ...['server', directory, '--quiet'],
      ...['--address', `${LOOPBACK}:${port}`, '--console-address', `${LOOPBACK}:${consolePort}`],
    ],
    environment: {
      ...environment,
      MINIO_ROOT_USER: DEMO.objectsAccessKey,
      MINIO_ROOT_PASSWORD: DEMO.objectsSecretKey,
      MINIO_UPDATE: 'off',
    },
    stopSignal: 'SIGTERM',
    graceMs: 10_000,
    readyMs: 30_000,
    ready: () => answersOk(`http://${LOOPBACK}:${port}/minio/health/ready`),
  };
}

export const NAMESPACE = 'waybill';
/** How long closed workflows stay visible, in days. */
const RETENTION_DAYS = 30;

/** gRPC status `ALREADY_EXISTS`. */
const ALREADY_EXISTS = 6;

/**
 * Dynamic configuration of the dev server. Fairness between tenants needs fairness itself and single-partition queues,
 * because keys are only balanced within a partition.
 */
const DYNAMIC = [
  'matching.enableFairness=true',
  'matching.numTaskqueueReadPartitions=1',
  'matching.numTaskqueueWritePartitions=1',
];

export function temporalProcess(options: {
  readonly executable: string;
  /** SQLite file of its state. */
  readonly database: string;
  readonly port: number;
  readonly uiPort: number;
  readonly environment: Environment;
}): ProcessSpec {
  const { executable, database, port, uiPort, environment } = options;
  return {
    name: 'temporal',
    command: executable,
    arguments: [
      ...['server', 'start-dev', '--db-filename', database, '--ip', LOOPBACK, '--port', String(port)],
      ...['--ui-port', String(uiPort), '--ui-disable-news-fetch', '--log-level', 'warn'],
      ...DYNAMIC.flatMap((value) => ['--dynamic-config-value', value]),
    ],
    environment,
    stopSignal: 'SIGTERM',
    graceMs: 10_000,
    readyMs: 60_000,
    ready: () => prepareNamespace(`${LOOPBACK}:${port}`),
  };
}

/** Creates the namespace if it is missing. @returns `true` once it can be used; rejects while the server is not up */
async function prepareNamespace(address: string): Promise<boolean> {
  const connection = await Connection.connect({ address, connectTimeout: '2s' });
  try {
    const { workflowService } = connection;
    await workflowService
      .registerNamespace({
        namespace: NAMESPACE,
        workflowExecutionRetentionPeriod: proto.google.protobuf.Duration.fromObject({
          seconds: RETENTION_DAYS * 86_400,
        }),
      })
      .catch((error: unknown) => {
        if (!isGrpcServiceError(error) || error.code !== ALREADY_EXISTS) throw error;
      });
    // Fails until the namespace is known to every service of the server.
    await workflowService.listWorkflowExecutions({ namespace: NAMESPACE, pageSize: 1 });
    return true;
  } finally {
    await connection.close();
  }
}

/** Catches all mail and shows it on a web page; nothing is delivered. */
export function mailProcess(options: {
  readonly program: FoundProgram;
  readonly smtpPort: number;
  readonly webPort: number;
  readonly environment: Environment;
}): ProcessSpec {
  const { program, smtpPort, webPort, environment } = options;
  // The package's script would use the first `node` on PATH, which may be too old.
  const [command, script] = program.origin === 'node_modules' ? [process.execPath, [program.path]] : [program.path, []];
  return {
    name: 'mail',
    command,
    arguments: [
      ...[...script, '--smtp', String(smtpPort), '--web', String(webPort)],
      ...['--ip', LOOPBACK, '--web-ip', LOOPBACK, '--silent'],
    ],
    environment,
    stopSignal: 'SIGTERM',
    graceMs: 5_000,
    readyMs: 30_000,
    ready: () => answersOk(`http://${LOOPBACK}:${webPort}/healthz`),
  };
}

/** Timeout of one health check, in milliseconds. */
const ANSWER_MS = 2_000;

/** @returns whether a URL answers with a 2xx status */
export async function answersOk(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
  await response.body?.cancel();
  return response.ok;
}
