import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportPrefix, generationPrefix } from '../contracts/keys.ts';
import type { StrayInput } from '../contracts/strays.ts';
import type { Objects } from '../stores/objects/objects.ts';
import { keysBelow, openBucket } from './bucket.ts';
import { type OwnServices, startOwnServices } from './context.ts';
import { ALWAYS, createDoorClient } from './door.ts';
import { createPeriodicClient } from './periodic-door.ts';
import { openTemporal, type TemporalEye } from './temporal.ts';

let services: OwnServices;
let bucket: Objects;
let eye: TemporalEye;

beforeAll(async () => {
  services = await startOwnServices();
  bucket = openBucket(services.settings);
  eye = await openTemporal(services.settings);
});
afterAll(async () => {
  await eye?.close();
  await services?.stop();
});

/** Looks again at what a run left, as the workflow does after its delay. */
async function lookAgain(input: Omit<StrayInput, 'tenant' | 'attempted'>): Promise<void> {
  await eye.client.workflow.execute('removeStrays', {
    workflowId: `look-again|${randomUUID()}`,
    taskQueue: services.settings.WAYBILL_TASK_QUEUE ?? 'waybill',
    args: [{ ...input, tenant: 'acme', attempted: [] } satisfies StrayInput],
  });
}

/** Writes what a lost worker would: an object that no manifest lists. */
async function writeStray(prefix: string): Promise<void> {
  await bucket.put(`${prefix}part-00000-lost-1.csv`, Buffer.from('late rows'), 'text/csv');
}

describe('a second look', () => {
  it('at a completed export removes what its manifest does not list, and nothing else', async () => {
    const door = createDoorClient(services.url, 'acme');
    const id = await door.order({ ...ALWAYS, exportType: 'LEARNING_ACTIVITIES', format: 'CSV' });
    expect(await door.ended(id)).toMatchObject({ state: 'completed' });
    const prefix = exportPrefix('acme', id);
    const before = await keysBelow(bucket, prefix);
    await writeStray(prefix);
    await lookAgain({ kind: 'export', id });
    expect(await keysBelow(bucket, prefix)).toEqual(before);
    expect((await door.file(id)).length).toBe((await door.manifest(id)).bytes);
  });

  it('at a deleted export removes everything', async () => {
    const door = createDoorClient(services.url, 'acme');
    const id = await door.order({ ...ALWAYS, exportType: 'LEARNING_ACTIVITIES', format: 'CSV' });
    expect(await door.ended(id)).toMatchObject({ state: 'completed' });
    expect((await door.request('DELETE', `/exports/${id}`)).ok).toBe(true);
    const prefix = exportPrefix('acme', id);
    await writeStray(prefix);
    await lookAgain({ kind: 'export', id });
    expect(await keysBelow(bucket, prefix)).toEqual([]);
  });

  it('at the current generation removes what its manifest does not list, and nothing else', async () => {
    const client = createPeriodicClient(services.url, 'acme-demo-secret');
    await client.enable();
    const { generationId } = await client.generation();
    const prefix = generationPrefix('acme', generationId);
    const before = await keysBelow(bucket, prefix);
    await writeStray(prefix);
    await lookAgain({ kind: 'generation', id: generationId });
    expect(await keysBelow(bucket, prefix)).toEqual(before);
    await client.disable();
  });

  it('at a run that the ledger does not know leaves everything where it is', async () => {
    const id = randomUUID();
    const prefix = exportPrefix('acme', id);
    await writeStray(prefix);
    await lookAgain({ kind: 'export', id });
    expect(await keysBelow(bucket, prefix)).toHaveLength(1);
  });
});
