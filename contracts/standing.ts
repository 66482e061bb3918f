import type { FileFormat } from './order.ts';
import type { Frequency, Recurrence } from './recurrence.ts';
import type { ExportKind } from './run.ts';

/** What distinguishes one kind of standing order from the others. Its files are datasets that the catalog offers for it. */
export interface StandingKind {
  readonly kind: ExportKind;
  /** Name of the bundle of all its files, in the ledger, search attributes and lists. */
  readonly subject: string;
  /** Formats that every file is stored in. */
  readonly formats: readonly FileFormat[];
  /** Such as `Periodic export`, for e-mails. */
  readonly name: string;
  /** Such as `nightly periodic export`, for the Temporal UI. */
  readonly title: string;
  /** Path of the API call that shows the status, such as `/dataexport`. */
  readonly statusPath: string;
  /**
   * Id of the Temporal Schedule of a tenant. The ids of its workflows are this and the nominal time, as in
   * `…acme-2026-11-21T01:30:00Z`.
   */
  scheduleId(tenant: string): string;
  /**
   * @param at time of day, `HH:MM`: the tenant's choice or the deployment's default
   * @param frequency `null`: the kind's own
   */
  recurrence(at: string, frequency: Frequency | null): Recurrence;
  /** Catch-up window for runs missed in an outage, in hours: shorter than the time to the next run. */
  readonly catchupHours: number;
  /** `all`: each run exports the complete history; `changes`: what has changed since the one before. */
  readonly exports: 'all' | 'changes';
}
