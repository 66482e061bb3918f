import { randomUUID } from 'node:crypto';
import type { Failure } from '../contracts/failures.ts';
import type { Ledger, PutResult, StandingOrders } from '../stores/ledger/ports.ts';
import { addTenant, TOTALS } from './ledger-set-up.ts';

export const BROKEN: Failure = { code: 'dataset_broken', message: 'The dataset "user" cannot be read.' };
export const CANCEL: Failure = { code: 'cancelled', message: 'Cancelled on request.' };

export const KIND = 'periodic';
export const refOf = (tenant: string) => ({ tenant, kind: KIND }) as const;
export const find = (ledger: Ledger, tenant: string) => ledger.standingOrders.find(tenant, KIND);

type Put = Parameters<StandingOrders['put']>[0];

export function enabling(tenant: string, more: Partial<Put> = {}): Put {
  return {
    ...refOf(tenant),
    recipient: `age1${randomUUID()}`,
    ownRecipient: false,
    recurrence: undefined,
    actor: 'a-client',
    ...more,
  };
}

export function enable(ledger: Ledger, tenant: string, more: Partial<Put> = {}): Promise<PutResult> {
  return ledger.standingOrders.put(enabling(tenant, more));
}

export const rotation = (tenant: string) =>
  ({ ...refOf(tenant), recipient: 'age1new', ownRecipient: true, actor: 'a-client' }) as const;

export async function addEnabled(ledger: Ledger): Promise<string> {
  const tenant = await addTenant(ledger);
  await enable(ledger, tenant);
  return tenant;
}

export function runOf(tenant: string, runId = randomUUID() as string) {
  const startedAt = new Date('2026-11-21T01:30:00.123Z');
  return { ...refOf(tenant), runId, workflowId: `w-${runId}`, subject: KIND, startedAt };
}

/** @returns the run id. @throws Error unless the run has begun */
export async function begin(ledger: Ledger, tenant: string): Promise<string> {
  const run = runOf(tenant);
  const { outcome } = await ledger.runs.begin(run);
  if (outcome !== 'begun') throw new Error(`the run did not begin: ${outcome}`);
  return run.runId;
}

export const GRACE_SECONDS = 900;
export const REPLACING = { ...TOTALS, retention: { replaceAfterSeconds: GRACE_SECONDS } } as const;

export const commit = (ledger: Ledger, runId: string) => ledger.runs.commit(runId, REPLACING);

export async function addCommitted(ledger: Ledger, tenant: string): Promise<string> {
  const runId = await begin(ledger, tenant);
  await commit(ledger, runId);
  return runId;
}

export async function listRuns(ledger: Ledger, tenant: string, limit = 1000) {
  return (await ledger.runs.list(tenant, { kind: KIND }, { cursor: null, limit })).rows;
}

export const fail = (ledger: Ledger, runId: string) => ledger.runs.end(runId, { state: 'failed', failure: BROKEN });
export const cancel = (ledger: Ledger, runId: string) =>
  ledger.runs.end(runId, { state: 'cancelled', failure: CANCEL });
