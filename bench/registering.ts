import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { RECURRING } from '../contracts/recurring.ts';
import { startServers } from '../stack/servers.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import { createTemporal } from '../stores/temporal/client.ts';
import { prepareNamespace } from '../stores/temporal/namespace.ts';
import { createSyncSchedule } from '../stores/temporal/sync-schedule.ts';
import { type Bench, type Benchmark, type Measurement, runPairs, secondsOf } from './benchmark.ts';
import { silent } from './deployment.ts';

/** What a registration costs as tenants become many. */
export const registeringBenchmark: Benchmark = {
  name: 'registering',
  title: 'Register tenants for recurring exports, seconds a tenant',
  run: measureRegistering,
};

const MANY = 1000;
const FEW = 10;
const ENTITIES = Array.from({ length: 26 }, (_, place) => `entity_${place}`);

async function measureRegistering(bench: Bench): Promise<Measurement> {
  let last: readonly number[] = [];
  const pairs = await runPairs(bench, 'seconds', {
    async ours() {
      last = await registerTenants(bench, MANY);
      return mean(last);
    },
    peer: async () => mean(await registerTenants(bench, FEW)),
  });
  const what = (tenants: number) =>
    `${tenants} tenants, one after the other, on new servers: ${ENTITIES.length} entities in the ledger, and a schedule`;
  return {
    unit: 'seconds',
    ours: { what: what(MANY), bytes: null },
    peer: { what: what(FEW), bytes: null },
    pairs,
    ratio: { kind: 'size', target: 1.2 },
    notes: [
      `the first hundred of the ${MANY}: ${ms(last.slice(0, 100))} each; the last hundred: ${ms(last.slice(-100))} each`,
    ],
  };
}

function mean(seconds: readonly number[]): number {
  return seconds.reduce((sum, one) => sum + one, 0) / seconds.length;
}

function ms(seconds: readonly number[]): string {
  return `${(mean(seconds) * 1000).toFixed(1)} ms`;
}

/** Registers tenants on servers of their own, after one that is not counted. @returns seconds of each, in order */
async function registerTenants(bench: Bench, tenants: number): Promise<readonly number[]> {
  const { environment, signal } = bench;
  const dataDirectory = await mkdtemp(join(bench.directory, 'servers-'));
  const servers = await startServers({
    ...{ ports: 'free', dataDirectory, environment, signal },
    ...{ ...silent(bench), report: () => undefined },
  });
  const { WAYBILL_TEMPORAL_ADDRESS: address, WAYBILL_TEMPORAL_NAMESPACE: namespace = '' } = servers.settings;
  const connection = await Connection.connect({ address });
  const ledger = createLedger({ url: servers.settings.WAYBILL_LEDGER_URL, connectionsMax: 2 });
  try {
    await ledger.migrate();
    await prepareNamespace(connection, namespace, 1);
    const temporal = createTemporal({ connection, namespace, taskQueue: 'nobody' });
    const deployment = () => ({ runTime: { at: '00:00', timeZone: 'UTC' }, jitterMinutes: 0 });
    const syncSchedule = createSyncSchedule(ledger, temporal, deployment);
    const register = async () => {
      const tenant = `bench-${randomUUID()}`;
      await ledger.registrations.register({
        ...{ tenant, kind: RECURRING.kind, datasets: ENTITIES, startsFrom: null, actor: 'bench' },
        recurrence: { frequency: 'daily', at: null, timeZone: null },
      });
      await syncSchedule(RECURRING, tenant);
    };
    await register();
    const each: number[] = [];
    for (let count = 0; count < tenants && !signal.aborted; count += 1) each.push(await secondsOf(register));
    return each;
  } finally {
    await ledger.close();
    await connection.close();
    await servers.stop();
    await rm(dataDirectory, { recursive: true, force: true });
  }
}
