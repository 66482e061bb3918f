import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import proto from '@temporalio/proto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort, LOOPBACK } from '../stack/ports.ts';
import type { Ledger, Run } from '../stores/ledger/ports.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import { type OwnServices, startOwnServices, useStack } from './context.ts';
import { makeNumberedWarehouse, type NumberedWarehouse } from './numbered-warehouse.ts';
import { createPeriodicClient, type PeriodicClient } from './periodic-door.ts';
import { openRuns, triggerRun } from './periodic-operator.ts';
import { downloadNow, type Served } from './periodic-witness.ts';
import { openTemporal, type TemporalEye } from './temporal.ts';

const { PENDING_ACTIVITY_STATE_SCHEDULED } = proto.temporal.api.enums.v1.PendingActivityState;

const stack = useStack();

/** Stands before the stack's mail server: closed, there is none. */
let gate: Awaited<ReturnType<typeof createGate>>;
let folder: string;
let warehouse: NumberedWarehouse;
let services: OwnServices;
let temporal: TemporalEye;
let ledger: Ledger;
let door: PeriodicClient;
let key: string;
let good: Served;
let contacts: readonly string[];

async function createGate() {
  const port = await freePort();
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(stack.ports.smtp, LOOPBACK);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    near.pipe(far).pipe(near);
  });
  return {
    url: `smtp://${LOOPBACK}:${port}`,
    async open() {
      server.listen(port, LOOPBACK);
      await once(server, 'listening');
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      if (server.listening) await once(server.close(), 'close');
    },
  };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-notices-'));
  warehouse = await makeNumberedWarehouse(folder, { files: 2, rows: 100 });
  gate = await createGate();
  await gate.open();
  services = await startOwnServices({
    ...warehouse.settings,
    WAYBILL_SMTP_URL: gate.url,
    WAYBILL_LOG_LEVEL: 'silent',
  });
  temporal = await openTemporal(services.settings);
  ledger = createLedger({ url: services.settings.WAYBILL_LEDGER_URL, connectionsMax: 1 });
  door = createPeriodicClient(services.url, 'acme-demo-secret');
});

afterAll(async () => {
  await temporal?.close();
  await ledger?.close();
  await services?.stop();
  await gate?.close();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  contacts = ['one', 'two'].map((name) => `${name}-${crypto.randomUUID()}@example.com`);
  await ledger.tenants.setContacts('acme', contacts);
  await warehouse.write(1);
  key = (await door.enable()).privateKey ?? '';
  await door.generation();
  good = await downloadNow(door, key);
});

afterEach(() => door.disable(true));

interface Mail {
  readonly subject: string;
  readonly text: string;
  readonly to: readonly { readonly address: string }[];
}

/** Letters that this test's contacts have got, oldest first. */
async function letters(): Promise<readonly Mail[]> {
  const all = (await (await fetch(`${stack.urls.mail}/email`)).json()) as readonly Mail[];
  return all.filter(({ to }) => to.some(({ address }) => contacts.includes(address)));
}

/** Runs until the ledger and Temporal say that it has ended. */
async function run(state: 'completed' | 'failed'): Promise<Run> {
  const ended = await begin();
  await expect.poll(async () => (await ledger.runs.find(ended))?.state, { timeout: 30_000 }).toBe(state);
  await expect.poll(() => openRuns(temporal, 'acme'), { timeout: 30_000 }).toBe(0);
  const found = await ledger.runs.find(ended);
  if (!found) throw new Error('the run is not known');
  return found;
}

/** Triggers a run. @returns its generation, once the ledger knows it */
async function begin(): Promise<string> {
  const listed = async () =>
    (await ledger.runs.list('acme', { kind: 'periodic' }, { cursor: null, limit: 100 })).rows.map(({ runId }) => runId);
  const known = new Set(await listed());
  await triggerRun(temporal, 'acme');
  const fresh = async () => (await listed()).find((runId) => !known.has(runId));
  await expect.poll(fresh, { timeout: 30_000 }).toBeDefined();
  return (await fresh()) ?? '';
}

describe('a warehouse that breaks', () => {
  it('leaves the last good generation, and is told once to each contact, as is its recovery', async () => {
    await warehouse.breakIt();
    const { failure } = await run('failed');
    expect(failure?.code).toBe('dataset_broken');
    expect(await downloadNow(door, key)).toEqual(good);
    const told = await letters();
    expect(told.flatMap(({ to }) => to.map(({ address }) => address)).toSorted()).toEqual(contacts.toSorted());
    for (const { text } of told) {
      expect(text).toContain(failure?.message.slice(0, 20));
      expect(text).not.toMatch(/AGE-SECRET-KEY|SELECT|numbered\.csv/);
    }

    await run('failed');
    expect(await letters()).toHaveLength(2);
    expect((await door.status()).failingSince).not.toBeNull();

    await warehouse.write(2);
    await run('completed');
    const after = (await letters()).slice(2);
    expect(after.flatMap(({ to }) => to.map(({ address }) => address)).toSorted()).toEqual(contacts.toSorted());
    expect(new Set([...told, ...after].map(({ subject }) => subject)).size).toBe(2);
    expect((await downloadNow(door, key)).numbers).toEqual([2]);

    await run('completed');
    expect(await letters()).toHaveLength(4);
    expect((await door.status()).failingSince).toBeNull();
  });

  it('shows operators one failure in Temporal, with its code, its state and its story', async () => {
    await warehouse.breakIt();
    const { runId, workflowId, failure } = await run('failed');
    const handle = temporal.client.workflow.getHandle(workflowId, runId);
    const { status, searchAttributes } = await handle.describe();
    expect(status.name).toBe('FAILED');
    expect(searchAttributes).toMatchObject({
      WaybillTenant: ['acme'],
      WaybillDataset: ['periodic'],
      WaybillFormat: ['csv+json+typed-json'],
      WaybillState: ['failed'],
    });
    const { events } = await temporal.history(workflowId, runId);
    const shown = events?.at(-1)?.workflowExecutionFailedEventAttributes?.failure;
    expect(shown?.applicationFailureInfo?.type).toBe('dataset_broken');
    expect(shown?.message).toBe(failure?.message);
    expect(shown?.cause ?? null).toBeNull();
    const told = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
    expect(told.currentDetails).toContain('**failed**');
    expect(told.currentDetails).toContain(failure?.message);
  });
});

/** @returns ms until the run's only step is tried again; 0 while it is being tried, when a letter could still leave */
async function untilNextAttempt(handle: WorkflowHandle): Promise<number> {
  const steps = (await handle.describe()).raw.pendingActivities ?? [];
  const [step] = steps;
  if (steps.length !== 1 || step?.state !== PENDING_ACTIVITY_STATE_SCHEDULED) return 0;
  const seconds = step.nextAttemptScheduleTime?.seconds ?? 0;
  return Number(seconds) * 1000 - Date.now();
}

describe('a mail server that is away', () => {
  afterEach(() => gate.close().then(() => gate.open()));

  it('does not hold up how a run ends, and gets the letter while the run waits for it', async () => {
    await gate.close();
    await warehouse.breakIt();
    const generationId = await begin();
    await door.until(({ lastRun }) => lastRun?.generationId === generationId && lastRun.state === 'failed', 10);
    expect(await letters()).toEqual([]);
    await gate.open();
    await expect.poll(async () => (await letters()).length, { timeout: 60_000 }).toBe(2);
    await expect.poll(() => openRuns(temporal, 'acme'), { timeout: 30_000 }).toBe(0);
  });

  it('gets the letter with a later run when it was away for longer', async () => {
    await gate.close();
    await warehouse.breakIt();
    const generationId = await begin();
    await door.until(({ lastRun }) => lastRun?.generationId === generationId && lastRun.state === 'failed', 10);
    // As if the run had waited in vain: what it owes stays owed, whatever becomes of it.
    const workflowId = (await ledger.runs.find(generationId))?.workflowId ?? '';
    const handle = temporal.client.workflow.getHandle(workflowId, generationId);
    await expect.poll(() => untilNextAttempt(handle), { timeout: 30_000 }).toBeGreaterThan(2_000);
    await handle.terminate();
    await gate.open();
    await run('failed');
    expect(await letters()).toHaveLength(2);
  });
});
