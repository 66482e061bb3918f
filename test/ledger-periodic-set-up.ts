import { randomUUID } from 'node:crypto';
import type { Failure } from '../contracts/failures.ts';
import type { Instant } from '../contracts/instant.ts';
import type { Ledger } from '../stores/ledger/ledger.ts';
import type { Enabling, PublishedGeneration } from '../stores/ledger/periodic.ts';
import { addTenant } from './ledger-set-up.ts';

export const BROKEN: Failure = { code: 'dataset_broken', message: 'The dataset "user" cannot be read.' };
export const CANCEL: Failure = { code: 'cancelled', message: 'Cancelled on request.' };

export function enabling(tenant: string, more: Partial<Parameters<Ledger['enablePeriodic']>[0]> = {}) {
  return {
    tenant,
    recipient: `age1${randomUUID()}`,
    ownRecipient: false,
    runTime: undefined,
    actor: 'a-client',
    ...more,
  };
}

export function enable(
  ledger: Ledger,
  tenant: string,
  more: Partial<Parameters<Ledger['enablePeriodic']>[0]> = {},
): Promise<Enabling> {
  return ledger.enablePeriodic(enabling(tenant, more));
}

export async function addEnabled(ledger: Ledger): Promise<string> {
  const tenant = await addTenant(ledger);
  await enable(ledger, tenant);
  return tenant;
}

export function runOf(tenant: string, generationId = randomUUID() as string) {
  return { tenant, generationId, workflowId: `w-${generationId}`, startedAt: new Date('2026-11-21T01:30:00.123Z') };
}

export async function begin(ledger: Ledger, tenant: string): Promise<string> {
  const run = runOf(tenant);
  await ledger.beginGeneration(run);
  return run.generationId;
}

export const FIGURES = {
  snapshotAt: '2026-11-21T01:30:00.123456Z' as Instant,
  files: 36,
  rows: 3_000_000_000,
  bytes: 9_007_199_254_740_000,
  manifestSha256: 'ab'.repeat(32),
} as const;

export function published(tenant: string, generationId: string, epoch: number): PublishedGeneration {
  return { tenant, generationId, epoch, ...FIGURES };
}

/** Publishes under the epoch that the settings have now. */
export async function publish(ledger: Ledger, tenant: string, generationId: string) {
  const epoch = (await ledger.findPeriodic(tenant))?.epoch ?? 0;
  return ledger.publishGeneration(published(tenant, generationId, epoch));
}

export async function addPublished(ledger: Ledger, tenant: string): Promise<string> {
  const generationId = await begin(ledger, tenant);
  await publish(ledger, tenant, generationId);
  return generationId;
}

export const fail = (ledger: Ledger, generationId: string) =>
  ledger.endGeneration(generationId, { state: 'failed', failure: BROKEN });
export const cancel = (ledger: Ledger, generationId: string) =>
  ledger.endGeneration(generationId, { state: 'cancelled', failure: CANCEL });
