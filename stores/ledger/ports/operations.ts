import type { ExportKind } from '../../../contracts/run.ts';
import type { AuditAction, AuditEntry, Run, StandingOrder } from '../tables.ts';
import type { Page } from './runs.ts';

/** Which lines of the trail are meant; what is absent does not restrict. */
export interface AuditFilter {
  readonly actor?: string;
  readonly actions?: readonly AuditAction[];
  /** The first moment. */
  readonly from?: Date;
  /** The first moment after it. */
  readonly before?: Date;
}

/** A line, and the run that it is about. */
export interface AuditLine extends AuditEntry {
  readonly run: Pick<Run, 'number' | 'kind' | 'subject'> | null;
}

export interface Audit {
  append(entry: Omit<AuditEntry, 'at'>): Promise<void>;
  /** Newest first. @param tenant `null`: all */
  list(tenant: string | null, limit: number): Promise<readonly AuditEntry[]>;
  /** Newest first. @throws WaybillError `invalid_field` (field `cursor`) if the cursor was not issued here */
  page(
    tenant: string,
    filter: AuditFilter,
    page: { readonly cursor: string | null; readonly limit: number },
  ): Promise<Page<AuditLine>>;
  /** Everybody that the trail of the tenant names, by name. */
  actors(tenant: string, limit: number): Promise<readonly string[]>;
  /** What has been recorded of a run, the newest first. */
  listOfRun(runId: string, limit: number): Promise<readonly AuditEntry[]>;
}

/** Runs that have ended, counted. */
export interface EndedRuns {
  readonly tenant: string;
  readonly kind: ExportKind;
  readonly state: 'completed' | 'failed' | 'cancelled';
  readonly runs: number;
  readonly lastAt: Date;
}

/** An enabled standing order of an enabled tenant, and how its runs go. */
export interface StandingHealth extends Pick<StandingOrder, 'tenant' | 'kind' | 'recurrence' | 'changedAt'> {
  /** When the newest run that has completed was due; `null`: none has. */
  readonly completedAt: Date | null;
  /** The newest run, in any state. */
  readonly lastRun: Pick<Run, 'runId' | 'workflowId' | 'state' | 'requestedAt' | 'failure'> | null;
}

/** What the operator sees of all tenants. Each method reads a bounded part of the ledger, however many runs it has. */
export interface Operations {
  /** Runs that are under way, the oldest first. @returns at most `limit` of them, and how many there are */
  active(limit: number): Promise<{
    readonly runs: readonly Run[];
    readonly running: number;
    /** Pending ones: requests that wait, and runs that are about to begin. */
    readonly waiting: number;
  }>;
  endedSince(since: Date): Promise<readonly EndedRuns[]>;
  /** Runs that failed, by the code of the failure, the most frequent first. */
  failuresSince(
    since: Date,
  ): Promise<readonly { readonly code: string; readonly runs: number; readonly lastAt: Date }[]>;
  /** The newest first. @param code absent: of any */
  failedSince(since: Date, filter: { readonly code?: string }, limit: number): Promise<readonly Run[]>;
  /** Files that are kept, by tenant, the largest first. */
  storedByTenant(): Promise<readonly { readonly tenant: string; readonly runs: number; readonly bytes: number }[]>;
  standing(): Promise<readonly StandingHealth[]>;
}
