import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { RECURRING } from '../contracts/recurring.ts';
import { startServers } from '../stack/servers.ts';
import { startOrStop } from '../stack/supervisor.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import { createTemporal } from '../stores/temporal/client.ts';
import { prepareNamespace } from '../stores/temporal/namespace.ts';
import { createSyncSchedule } from '../stores/temporal/sync-schedule.ts';
import { type Bench, type Benchmark, formatFigure, type Measurement, type Pair, secondsOf } from './benchmark.ts';
import { readCpuOfTree } from './cpu.ts';
import { silent } from './deployment.ts';

/** What a registration costs as tenants become many. */
export const registeringBenchmark: Benchmark = {
  name: 'registering',
  title: 'Register tenants for recurring exports, seconds a tenant',
  run: measureRegistering,
};

const MANY = 1000;
const FEW = 10;
/** After so many of the many, the few are registered on servers of their own, so that other load affects both sides. */
const CHUNK = 100;
/** Registrations on new servers that are not counted. */
const UNCOUNTED = 3;
const ENTITIES = Array.from({ length: 26 }, (_, place) => `entity_${place}`);

/** Figures of some registrations, one after the other. */
interface Registered {
  /** Seconds of each, until Temporal can say when the first run is due, which the workflow behind the schedule answers. */
  readonly whole: readonly number[];
  /** Seconds of each, until the ledger and Temporal have taken it. */
  readonly accepted: readonly number[];
  /** CPU seconds of Temporal, PostgreSQL and this process, for all. */
  readonly cpu: number;
}

async function measureRegistering(bench: Bench): Promise<Measurement> {
  const many = bench.many ?? MANY;
  const pairs: Pair[] = [];
  const notes: string[] = [];
  for (let number = 1; number <= bench.runs; number += 1) {
    const { ours, peer } = await registerBoth(bench, many);
    const pair = {
      ours: mean(ours.whole),
      peer: mean(peer.whole),
      cpu: { ours: ours.cpu / ours.whole.length, peer: peer.cpu / peer.whole.length },
    };
    pairs.push(pair);
    bench.report(
      `pair ${number} of ${bench.runs}: ours ${formatFigure('seconds', pair.ours)}, peer ${formatFigure('seconds', pair.peer)}`,
    );
    notes.push(
      `run ${number}: the first ${CHUNK} ${ms(ours.whole.slice(0, CHUNK))} each, the last ${CHUNK} ${ms(ours.whole.slice(-CHUNK))}; until ` +
        `Temporal had taken the schedule, before its workflow had started, ${ms(ours.accepted)} of the many, ${ms(peer.accepted)} of the few`,
    );
  }
  const what = (tenants: number) =>
    `${tenants} tenants, one after the other, on new servers: ${ENTITIES.length} entities in the ledger, and a schedule that knows its first run`;
  return {
    unit: 'seconds',
    ours: { what: what(many), bytes: null },
    peer: { what: `${what(FEW)}, after each ${CHUNK} of ours`, bytes: null },
    pairs,
    ratio: { kind: 'size', target: 1.2 },
    notes,
  };
}

/** Registers the many on one set of servers, and the few again and again, each time on new ones. */
async function registerBoth(
  bench: Bench,
  many: number,
): Promise<{ readonly ours: Registered; readonly peer: Registered }> {
  await using crowded = await startRegistry(bench);
  const ours: Registered[] = [];
  const peer: Registered[] = [];
  for (let done = 0; done < many; done += CHUNK) {
    ours.push(await crowded.register(Math.min(CHUNK, many - done)));
    await using fresh = await startRegistry(bench);
    peer.push(await fresh.register(FEW));
  }
  return { ours: joined(ours), peer: joined(peer) };
}

function joined(parts: readonly Registered[]): Registered {
  return {
    whole: parts.flatMap(({ whole }) => whole),
    accepted: parts.flatMap(({ accepted }) => accepted),
    cpu: parts.reduce((sum, { cpu }) => sum + cpu, 0),
  };
}

function mean(seconds: readonly number[]): number {
  return seconds.reduce((sum, one) => sum + one, 0) / seconds.length;
}

function ms(seconds: readonly number[]): string {
  return `${(mean(seconds) * 1000).toFixed(1)} ms`;
}

/** New servers, on which tenants are registered. */
interface Registry extends AsyncDisposable {
  register(tenants: number): Promise<Registered>;
}

async function startRegistry(bench: Bench): Promise<Registry> {
  const { environment, signal } = bench;
  const dataDirectory = await mkdtemp(join(bench.directory, 'servers-'));
  const servers = await startServers({
    ...{ ports: 'free', dataDirectory, environment, signal },
    ...{ ...silent(bench), report: () => undefined },
  });
  return startOrStop(servers, signal, async () => {
    const { WAYBILL_TEMPORAL_ADDRESS: address, WAYBILL_TEMPORAL_NAMESPACE: namespace = '' } = servers.settings;
    const connection = await Connection.connect({ address });
    const ledger = createLedger({ url: servers.settings.WAYBILL_LEDGER_URL, connectionsMax: 2 });
    await ledger.migrate();
    await prepareNamespace(connection, namespace, 1);
    const temporal = createTemporal({ connection, namespace, taskQueue: 'nobody' });
    const deployment = () => ({ runTime: { at: '00:00', timeZone: 'UTC' }, jitterMinutes: 0 });
    const syncSchedule = createSyncSchedule(ledger, temporal, deployment);

    async function accept(tenant: string): Promise<void> {
      await ledger.registrations.register({
        ...{ tenant, kind: RECURRING.kind, datasets: ENTITIES, startsFrom: null, actor: 'bench' },
        recurrence: { frequency: 'daily', at: null, timeZone: null },
      });
      await syncSchedule(RECURRING, tenant);
    }
    async function findFirstRun(tenant: string): Promise<void> {
      const next = await temporal.nextRun(RECURRING.scheduleId(tenant));
      if (!next?.nextRunAt) throw new Error('A schedule has no next run.');
    }
    async function spent(): Promise<number> {
      const { user, system } = process.cpuUsage();
      return (await readCpuOfTree(servers.temporal)) + (await readCpuOfTree(servers.postgres)) + (user + system) / 1e6;
    }
    async function register(tenants: number): Promise<Registered> {
      const whole: number[] = [];
      const accepted: number[] = [];
      const before = await spent();
      for (let count = 0; count < tenants && !signal.aborted; count += 1) {
        const tenant = `bench-${randomUUID()}`;
        const first = await secondsOf(() => accept(tenant));
        accepted.push(first);
        whole.push(first + (await secondsOf(() => findFirstRun(tenant))));
      }
      return { whole, accepted, cpu: (await spent()) - before };
    }
    await register(UNCOUNTED);
    return {
      register,
      async [Symbol.asyncDispose]() {
        await ledger.close();
        await connection.close();
        await servers.stop();
        await rm(dataDirectory, { recursive: true, force: true });
      },
    };
  });
}
