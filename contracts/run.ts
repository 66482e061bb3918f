import { FAILURES } from './failures.ts';

/** Kind of export: `on-demand`, or the kind of a standing order, such as `periodic`. */
export type ExportKind = string;

export const ON_DEMAND = 'on-demand';

/** pending -> running -> completed, failed or cancelled; final states never change. */
export const RUN_STATES = ['pending', 'running', 'completed', 'failed', 'cancelled'] as const;
export type RunState = (typeof RUN_STATES)[number];

/** Why a run's files were removed. `failed`: the run failed or was cancelled, so they were never published. */
export type Removal = 'expired' | 'deleted' | 'replaced' | 'failed';

/** The state of a run or, if it completed and its files are no longer offered, the reason. */
export type RunStatus = RunState | Exclude<Removal, 'failed'>;

/** Expiry is exact: files count as expired from `expiresAt` on, whether or not they have been removed yet. */
export function runStatus(
  run: { readonly state: RunState; readonly removal: Removal | null; readonly expiresAt: Date | null },
  now: Date,
): RunStatus {
  if (run.state !== 'completed') return run.state;
  if (run.removal !== null && run.removal !== 'failed') return run.removal;
  return run.expiresAt !== null && run.expiresAt <= now ? 'expired' : 'completed';
}

/** Whether a run has an order of its own, or is one of those of a standing order. */
export type OrderKind = 'own' | 'standing';

/** Message of the failure of a cancelled run. */
export const CANCELLED_RUN: Readonly<Record<OrderKind, string>> = {
  own: `${FAILURES.cancelled.title}. ${FAILURES.cancelled.advice}`,
  standing: 'The run was cancelled. Published files stay available; the next run tries again.',
};

/** Failure of a run whose workflow is gone, by what Temporal says of the workflow. */
export const LOST_RUN: Readonly<Record<OrderKind, Readonly<Record<'aborted' | 'closed', string>>>> = {
  own: {
    aborted: 'The export was ended by an operator before it was done. Resubmit it if you still want it.',
    closed: 'The export was lost before it was done. Resubmit it if you still want it.',
  },
  standing: {
    aborted: 'The run was ended by an operator before it was done. The next run tries again.',
    closed: 'The run was ended by an operator before it was done. The next run tries again.',
  },
};
