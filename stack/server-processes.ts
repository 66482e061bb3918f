import { Connection } from '@temporalio/client';
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
    ready: () => answersGrpc(`${LOOPBACK}:${port}`),
  };
}

/** @returns `true`; rejects while the server is not up */
async function answersGrpc(address: string): Promise<boolean> {
  const connection = await Connection.connect({ address, connectTimeout: '2s' });
  await connection.close();
  return true;
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
