import type { WorkflowHandle } from '@temporalio/client';
import proto from '@temporalio/proto';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Ledger, Run } from '../stores/ledger/ports.ts';
import { openLedger, startServicesOnNetwork, useStack } from './context.ts';
import type { Network } from './network.ts';
import { makeNumberedWarehouse, type NumberedWarehouse } from './numbered-warehouse.ts';
import { createPeriodicClient, enableAndWait, type PeriodicClient } from './periodic-client.ts';
import { openRuns, triggerRun } from './periodic-operator.ts';
import { downloadNow, type Served } from './periodic-witness.ts';
import { openTemporal, type TemporalAccess } from './temporal.ts';

const { PENDING_ACTIVITY_STATE_SCHEDULED } = proto.temporal.api.enums.v1.PendingActivityState;

const stack = useStack();

let network: Network;
let warehouse: NumberedWarehouse;
let temporal: TemporalAccess;
let ledger: Ledger;
let client: PeriodicClient;
let key: string;
let good: Served;
let contacts: readonly string[];

beforeAll(async () => {
  warehouse = await makeNumberedWarehouse({ files: 2, rows: 100 });
  const services = await startServicesOnNetwork({ ...warehouse.settings, WAYBILL_LOG_LEVEL: 'silent' });
  ({ network } = services);
  temporal = await openTemporal(services.settings);
  ledger = openLedger(services.settings);
  client = createPeriodicClient(services.url, 'acme-demo-secret');
});

beforeEach(async () => {
  contacts = ['one', 'two'].map((name) => `${name}-${crypto.randomUUID()}@example.com`);
  await ledger.tenants.setContacts('acme', contacts);
  await warehouse.write(1);
  key = (await enableAndWait(client)).privateKey;
  good = await downloadNow(client, key);
});

afterEach(() => client.disable(true));

interface Mail {
  readonly subject: string;
  readonly text: string;
  readonly to: readonly { readonly address: string }[];
}

/** Emails to the contacts of this test, oldest first. */
async function emails(): Promise<readonly Mail[]> {
  const all = (await (await fetch(`${stack.urls.mail}/email`)).json()) as readonly Mail[];
  return all.filter(({ to }) => to.some(({ address }) => contacts.includes(address)));
}

/** Triggers a run and waits until it has ended in the ledger and in Temporal. */
async function run(state: 'completed' | 'failed'): Promise<Run> {
  const ended = await begin();
  await expect.poll(async () => (await ledger.runs.find(ended))?.state, { timeout: 30_000 }).toBe(state);
  await expect.poll(() => openRuns(temporal, 'acme'), { timeout: 30_000 }).toBe(0);
  const found = await ledger.runs.find(ended);
  if (!found) throw new Error('the run is not known');
  return found;
}

/** Triggers a run. @returns its generation, once it is in the ledger */
async function begin(): Promise<string> {
  const listed = async () =>
    (await ledger.runs.list('acme', { kind: 'periodic' }, { cursor: null, limit: 100 })).rows.map(({ runId }) => runId);
  const known = new Set(await listed());
  await triggerRun(temporal, 'acme');
  const fresh = async () => (await listed()).find((runId) => !known.has(runId));
  await expect.poll(fresh, { timeout: 30_000 }).toBeDefined();
  return (await fresh()) ?? '';
}

describe('a broken warehouse', () => {
  it('leaves the last good generation, and each contact gets one email about the failure and one about the recovery', async () => {
    await warehouse.breakIt();
    const { failure } = await run('failed');
    expect(failure?.code).toBe('dataset_broken');
    expect(await downloadNow(client, key)).toEqual(good);
    const sent = await emails();
    expect(sent.flatMap(({ to }) => to.map(({ address }) => address)).toSorted()).toEqual(contacts.toSorted());
    for (const { text } of sent) {
      expect(text).toContain(failure?.message.slice(0, 20));
      expect(text).not.toMatch(/AGE-SECRET-KEY|SELECT|numbered\.csv/);
    }

    await run('failed');
    expect(await emails()).toHaveLength(2);
    expect((await client.status()).failingSince).not.toBeNull();

    await warehouse.write(2);
    await run('completed');
    const after = (await emails()).slice(2);
    expect(after.flatMap(({ to }) => to.map(({ address }) => address)).toSorted()).toEqual(contacts.toSorted());
    expect(new Set([...sent, ...after].map(({ subject }) => subject)).size).toBe(2);
    expect((await downloadNow(client, key)).numbers).toEqual([2]);

    await run('completed');
    expect(await emails()).toHaveLength(4);
    expect((await client.status()).failingSince).toBeNull();
  });

  it('is one failure in Temporal, with its code, state and details', async () => {
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
    const metadata = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
    expect(metadata.currentDetails).toContain('**failed**');
    expect(metadata.currentDetails).toContain(failure?.message);
  });
});

/** @returns ms until the next attempt at the run's only step; 0 during an attempt, when an email may still be sent */
async function untilNextAttempt(handle: WorkflowHandle): Promise<number> {
  const steps = (await handle.describe()).raw.pendingActivities ?? [];
  const [step] = steps;
  if (steps.length !== 1 || step?.state !== PENDING_ACTIVITY_STATE_SCHEDULED) return 0;
  const seconds = step.nextAttemptScheduleTime?.seconds ?? 0;
  return Number(seconds) * 1000 - Date.now();
}

describe('a mail server that is down', () => {
  afterEach(() => network.mend('mail'));

  it('does not delay the result of a run, and gets the email from the same run once it is up', async () => {
    await network.cut('mail');
    await warehouse.breakIt();
    const generationId = await begin();
    await client.until(({ lastRun }) => lastRun?.generationId === generationId && lastRun.state === 'failed', 10);
    expect(await emails()).toEqual([]);
    await network.mend('mail');
    await expect.poll(async () => (await emails()).length, { timeout: 60_000 }).toBe(2);
    await expect.poll(() => openRuns(temporal, 'acme'), { timeout: 30_000 }).toBe(0);
  });

  it('gets the email from a later run if it was down for longer', async () => {
    await network.cut('mail');
    await warehouse.breakIt();
    const generationId = await begin();
    await client.until(({ lastRun }) => lastRun?.generationId === generationId && lastRun.state === 'failed', 10);
    // As if the run had waited in vain: its emails stay due.
    const workflowId = (await ledger.runs.find(generationId))?.workflowId ?? '';
    const handle = temporal.client.workflow.getHandle(workflowId, generationId);
    await expect.poll(() => untilNextAttempt(handle), { timeout: 30_000 }).toBeGreaterThan(2_000);
    await handle.terminate();
    await network.mend('mail');
    await run('failed');
    expect(await emails()).toHaveLength(2);
  });
});
