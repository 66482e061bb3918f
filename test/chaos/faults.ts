import { setTimeout as delay } from 'node:timers/promises';
import { Client as Postgres } from 'pg';
import type { ProcessHandle } from '../../stack/process.ts';
import type { Deployment } from './deployment.ts';

/** A fault of a process or a network. */
export interface Fault {
  readonly name: string;
  /** Causes the fault and ends it. @returns when everything runs again. @throws Error if a process does not end */
  strike(deployment: Deployment): Promise<void>;
}

const FROZEN_MS = 20_000;
/** Longer than a heartbeat timeout, after which Temporal gives the work to another worker. */
const CUT_OFF_MS = 15_000;
const AWAY_MS = 3_000;
/** How long a service may take to end when asked to. */
const ENDING_MS = 40_000;

async function killAndStart(handle: ProcessHandle): Promise<void> {
  await handle.kill('SIGKILL');
  await delay(AWAY_MS);
  await handle.start();
}

/** Ends every connection of the ledger, ten times within some seconds, as a failover would. */
async function endConnections({ servers }: Deployment): Promise<void> {
  const postgres = new Postgres({ connectionString: servers.settings.WAYBILL_LEDGER_URL });
  await postgres.connect();
  try {
    for (let round = 0; round < 10; round += 1) {
      await postgres.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      );
      await delay(400);
    }
  } finally {
    await postgres.end();
  }
}

async function freeze(handle: ProcessHandle): Promise<void> {
  await handle.kill('SIGSTOP');
  await delay(FROZEN_MS);
  await handle.kill('SIGCONT');
}

/** Asks a process to end. @throws Error if it goes on; it is killed then */
export async function endInTime(handle: ProcessHandle): Promise<void> {
  const ended = handle.kill('SIGTERM').then(() => true);
  if (await Promise.race([ended, delay(ENDING_MS, false, { ref: false })])) return;
  await handle.kill('SIGKILL');
  throw new Error(`${handle.name} did not end within ${ENDING_MS / 1000} s`);
}

export const FAULTS: readonly Fault[] = [
  { name: 'PostgreSQL ends its connections', strike: endConnections },
  { name: 'a worker is killed', strike: ({ workers }) => killAndStart(workers[0]) },
  {
    name: 'a worker loses Temporal',
    async strike({ otherNetwork }) {
      await otherNetwork.cut('temporal');
      await delay(CUT_OFF_MS);
      await otherNetwork.mend('temporal');
    },
  },
  { name: 'MinIO is killed', strike: ({ servers }) => killAndStart(servers.minio) },
  { name: 'the API is killed', strike: ({ api }) => killAndStart(api) },
  { name: 'a worker is frozen', strike: ({ workers }) => freeze(workers[1]) },
  { name: 'PostgreSQL is killed', strike: ({ servers }) => killAndStart(servers.postgres) },
  {
    name: 'a worker is asked to end',
    async strike({ workers: [worker] }) {
      await endInTime(worker);
      await worker.start();
    },
  },
  { name: 'Temporal is killed', strike: ({ servers }) => killAndStart(servers.temporal) },
  {
    name: 'the object store falls silent',
    async strike({ network }) {
      await network.disturb('objects', { type: 'timeout', timeout: 0 });
      await delay(CUT_OFF_MS);
      await network.calm('objects', 'timeout');
    },
  },
];
