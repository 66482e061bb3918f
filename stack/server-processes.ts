import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import type { FoundProgram } from './find.ts';
import { LOOPBACK, type StackPorts } from './ports.ts';
import type { Environment, ProcessSpec } from './process.ts';
import { DEMO } from './settings.ts';

/** What each server is started with. */
export interface ServerOptions {
  readonly program: FoundProgram;
  readonly ports: StackPorts;
  /** Absolute; exists. Each server has its own file or directory in it. */
  readonly dataDirectory: string;
  readonly environment: Environment;
}

export function minioProcess({ program, ports, dataDirectory, environment }: ServerOptions): ProcessSpec {
  return {
    name: 'minio',
    command: program.path,
    arguments: [
      ...['server', join(dataDirectory, 'minio'), '--quiet'],
      ...['--address', `${LOOPBACK}:${ports.objects}`, '--console-address', `${LOOPBACK}:${ports.objectsConsole}`],
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
    ready: () => answersOk(`http://${LOOPBACK}:${ports.objects}/minio/health/ready`),
  };
}

/**
 * Dynamic configuration of the dev server. Fairness between tenants needs fairness itself and single-partition queues,
 * because keys are only balanced within a partition. By default the server reads new tasks of its only history shard 20 times a second,
 * so each step of a workflow waits for 25 ms.
 */
const DYNAMIC = [
  'matching.enableFairness=true',
  'matching.numTaskqueueReadPartitions=1',
  'matching.numTaskqueueWritePartitions=1',
  'history.transferProcessorMaxPollRPS=1000',
];

/**
 * Durable when a process is killed, though not when the power fails: with SQLite's defaults Temporal waits for the disk two to
 * four times at each step. Source: SQLite, Write-Ahead Logging.
 */
const PRAGMAS = ['journal_mode=WAL', 'synchronous=NORMAL'];

export function temporalProcess({ program, ports, dataDirectory, environment }: ServerOptions): ProcessSpec {
  return {
    name: 'temporal',
    command: program.path,
    arguments: [
      ...['server', 'start-dev', '--db-filename', join(dataDirectory, 'temporal.sqlite')],
      ...['--ip', LOOPBACK, '--port', String(ports.temporal), '--ui-port', String(ports.temporalUi)],
      ...['--ui-disable-news-fetch', '--log-level', 'warn'],
      ...PRAGMAS.flatMap((value) => ['--sqlite-pragma', value]),
      ...DYNAMIC.flatMap((value) => ['--dynamic-config-value', value]),
    ],
    environment,
    stopSignal: 'SIGTERM',
    graceMs: 10_000,
    readyMs: 60_000,
    ready: () => answersTemporal(ports.temporal),
  };
}

/** @returns `true`; rejects while the server is not up */
export async function answersTemporal(port: number): Promise<boolean> {
  const connection = await Connection.connect({ address: `${LOOPBACK}:${port}`, connectTimeout: '2s' });
  await connection.close();
  return true;
}

/** Catches all mail, stores it in the data directory and shows it on a web page; nothing is delivered. */
export function mailProcess({ program, ports, dataDirectory, environment }: ServerOptions): ProcessSpec {
  // The package's script would use the first `node` on PATH, which may be too old.
  const [command, script] = program.origin === 'node_modules' ? [process.execPath, [program.path]] : [program.path, []];
  return {
    name: 'mail',
    command,
    arguments: [
      ...[...script, '--smtp', String(ports.smtp), '--web', String(ports.mail)],
      ...['--ip', LOOPBACK, '--web-ip', LOOPBACK, '--mail-directory', join(dataDirectory, 'mail'), '--silent'],
    ],
    environment,
    stopSignal: 'SIGTERM',
    graceMs: 5_000,
    readyMs: 30_000,
    ready: () => answersOk(`http://${LOOPBACK}:${ports.mail}/healthz`),
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
