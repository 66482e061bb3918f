import type { AttemptedObject } from './attempts.ts';
import type { ExplainedFailure, Failure } from './failures.ts';
import type { Instant } from './instant.ts';
import type { ManifestColumn, ManifestFile, ManifestMember, ManifestPart } from './manifest.ts';
import type { FileContent, Order, RequestOrder, RunOrder, StoredFormat } from './order.ts';
import type { PlannedPart, RowsOfDay } from './plan.ts';
import type { ArchiveOrder } from './questionnaires.ts';
import type { Day } from './recurrence.ts';
import type { ExportKind } from './run.ts';
import { PRIORITIES } from './task-queues.ts';

/*
 * Input and result of the workflow `runExport` and of its activities. All of it is stored in Temporal's history: no rows,
 * no secrets. Times without a type of their own are ISO 8601.
 */

/** What a run is started with: an order of its own, or the standing order of a tenant, which is read when it begins. */
export type RunInput =
  | {
      readonly kind: ExportKind;
      readonly order: Order | ArchiveOrder;
      readonly requestedAt: string;
      /** Whether the tenant had `PROMPT_ORDERS` under way when it was placed. @default false */
      readonly queued?: boolean;
    }
  | {
      readonly kind: ExportKind;
      readonly order: RequestOrder;
      readonly requestedAt: string;
      readonly request: RequestInput;
    }
  | { readonly kind: ExportKind; readonly tenant: string; readonly asked?: AskedRun };

/** What makes a run wait for its turn. */
export interface RequestInput {
  /** At most one run of it is active. */
  readonly series: string;
  /** Client id or subject of whoever asked. */
  readonly requestedBy: string;
  /** When the next batch begins, ISO 8601; `null`: the run begins as soon as others of the deployment let it. */
  readonly startsAt: string | null;
}

/** Asked for by a caller. `until`: what has changed before that moment, ISO 8601; `day`: the files of that day again. */
export type AskedRun = { readonly until: string } | { readonly day: Day };

/** A tenant's orders at once that somebody waits for. Whoever places more lets them queue: they are not urgent to anybody else. */
export const PROMPT_ORDERS = 4;

/**
 * @returns the priority of a run's tasks: somebody who ordered it waits for it, unless the tenant has placed several; a schedule
 *   and a batch have nobody who waits
 */
export function priorityOf(input: RunInput): number {
  if ('queued' in input && input.queued) return PRIORITIES.queued;
  if ('request' in input && input.request.startsAt !== null) return PRIORITIES.scheduled;
  return 'order' in input ? PRIORITIES.interactive : PRIORITIES.scheduled;
}

export interface RunResult {
  /** `off`: there was nothing to do; `replaced`: the standing order changed meanwhile, and nothing was published. */
  readonly outcome: 'published' | 'off' | 'replaced';
  readonly rows: number;
  readonly bytes: number;
}

/** Names a run; every activity gets it. */
export interface RunIdentity {
  /** Run id of the workflow's first execution. */
  readonly runId: string;
  readonly workflowId: string;
  readonly kind: ExportKind;
  readonly tenant: string;
}

/** Result of a step. A failure here is final; errors that a retry may cure are thrown instead. */
export type StepResult<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly failure: ExplainedFailure };

export interface BeginInput extends RunIdentity {
  /** `null`: the standing order determines what is exported. */
  readonly order: Order | RequestOrder | ArchiveOrder | null;
  readonly requestedAt: string;
  /** Absent: the run begins at once. */
  readonly request?: RequestInput;
  /** Absent: the run is due by the schedule. */
  readonly asked?: AskedRun;
}

export interface BeginResult {
  /** `null`: nothing to do, because the standing order is off or the run has ended. */
  readonly order: RunOrder | null;
  /** Datasets that are held. @default none */
  readonly missing?: readonly MissingDataset[];
  /** The source is read from this moment on, ISO 8601; absent: at once. */
  readonly readAfter?: string;
  /** Of the standing order, read before the run began; `null`: there is none. */
  readonly version: number | null;
}

/** Asks the warehouse which tables an archive has. */
export interface DescribeInput extends RunIdentity {
  readonly order: ArchiveOrder;
}

/** An archive whose tables are known. The names of tables are the warehouse's; nothing else of them is in the history. */
export type DescribedArchive = Pick<RunOrder, 'files'> & { readonly archive: NonNullable<RunOrder['archive']> };

export interface PlanInput extends RunIdentity {
  readonly order: RunOrder;
}

/** What a run will read, fixed before the first byte is written. Kept small, because it is stored in Temporal's history. */
export interface RunPlan {
  readonly snapshotAt: Instant;
  /** The tenant's value of the tenant column; absent: its key. */
  readonly warehouseKey?: string;
  /** One for each file of the order, in its order. */
  readonly files: readonly PlannedFile[];
}

export interface PlannedFile {
  /** Set if the file cannot be made, and may be skipped; then there are no parts. */
  readonly failure?: ExplainedFailure;
  readonly columns: readonly ManifestColumn[];
  readonly rows: number;
  readonly rowsByDay?: readonly RowsOfDay[];
  /** Of every format. */
  readonly parts: readonly PlannedPart[];
}

/** One part of one file in one format: what becomes one object. */
export interface WriteTask {
  /** Name of the file for callers. */
  readonly name: string;
  readonly content: FileContent;
  readonly part: PlannedPart;
}

export interface WriteInput extends RunIdentity {
  readonly recipients: readonly string[];
  readonly snapshotAt: Instant;
  /** As in {@link RunPlan}. */
  readonly warehouseKey?: string;
  /** Counts from 1; every round writes all files anew, from a snapshot of its own. */
  readonly round: number;
  readonly tasks: readonly WriteTask[];
}

/** All tables of an archive, as they were planned. */
export interface ArchiveInput extends RunIdentity {
  readonly order: RunOrder;
  readonly plan: RunPlan;
  /** As in {@link WriteInput}. */
  readonly round: number;
}

/** An archive that has been written. */
export interface WrittenArchive {
  readonly part: ManifestPart;
  readonly members: readonly ManifestMember[];
  /** Absent: the tenant had set no password when the step began. */
  readonly encryption?: ManifestFile['encryption'];
}

/** What became of a {@link WriteTask}, or of an archive. */
export interface WrittenPart extends Pick<WriteTask, 'name'>, Partial<Pick<WrittenArchive, 'members' | 'encryption'>> {
  readonly format: StoredFormat;
  /** Zero-based index in the file. */
  readonly index: number;
  readonly part: ManifestPart;
}

export interface PublishInput extends RunIdentity {
  readonly order: RunOrder;
  readonly plan: RunPlan;
  readonly written: readonly WrittenPart[];
  /** Datasets that the run does without. @default none */
  readonly missing?: readonly MissingDataset[];
  /** Fixed by the workflow, so that a retry writes the very same manifest. */
  readonly createdAt: string;
  /** `null`: once others have replaced the files. */
  readonly expiresAt: string | null;
  /** What the run is committed with, beside its totals; absent: the workflow has it committed by `end`. */
  readonly completion?: Completion;
}

/** A dataset whose files could not be made. */
export interface MissingDataset {
  readonly dataset: string;
  readonly failure: Failure;
}

/** Totals of a run, and the hash of its manifest. */
export interface Totals {
  readonly rows: number;
  readonly bytes: number;
  readonly contentBytes: number;
  /** Lower-case hex. */
  readonly manifestSha256: string;
}

export interface Published extends Totals {
  /** As in {@link EndResult}; absent: the ledger did not answer, and `end` has to record it. */
  readonly recorded?: boolean;
}

/** When the files are removed: as the order's retention says, at least one of both. */
export interface KeptFiles<Time> {
  readonly expiresAt?: Time;
  /** Seconds that expired files stay in the bucket, so that running downloads finish. @default 0 */
  readonly graceSeconds?: number;
  readonly replaceAfterSeconds?: number;
}

/** What the ledger records of a completed run, beside its totals. */
export interface Completion {
  readonly snapshotAt: Instant;
  readonly files: number;
  readonly parts: number;
  readonly retention: KeptFiles<string>;
  readonly missing?: readonly MissingDataset[];
  /** Of a run of changes: of each dataset, without those that are missing. */
  readonly datasetRows?: Readonly<Record<string, number>>;
}

/** How a run ended. */
export type RunEnd =
  | (Totals & Completion & { readonly state: 'completed' })
  | {
      readonly state: 'failed' | 'cancelled';
      readonly failure: Failure;
      /** Whether its objects are gone already. */
      readonly removed: boolean;
    };

export interface EndInput extends RunIdentity {
  readonly end: RunEnd;
}

export interface EndResult {
  /**
   * `false` for a completed run: the standing order has changed, or the run has been ended. `false` for any other: the run was
   * committed before, by an attempt at `publish` whose answer was lost.
   */
  readonly recorded: boolean;
  /** Totals of a run that was committed before. */
  readonly committed?: Pick<Totals, 'rows' | 'bytes'>;
}

export interface RemoveInput extends RunIdentity {
  /** Objects that lost attempts may still be writing. */
  readonly attempted: readonly AttemptedObject[];
}

export interface FinalizeInput extends RunIdentity {
  readonly outcome: 'published' | 'off' | 'replaced' | 'failed' | 'cancelled';
  /** As in {@link BeginResult}; `null` also if the run was ended before it began. */
  readonly version: number | null;
}

/** Names the run of a request whose end is told by mail. */
export interface NotifyInput extends RunIdentity {
  /** What broke, for the operator; absent: nothing did, or it is not known. */
  readonly cause?: string;
}

/** Names the run whose files are delivered. */
export interface PushInput {
  readonly tenant: string;
  readonly runId: string;
}

/** How a delivery ended. `skipped`: a newer run of the day is delivered instead, or there is no destination any more. */
export type PushEnd =
  | { readonly state: 'delivered'; readonly files: number; readonly bytes: number }
  | { readonly state: 'skipped' }
  | { readonly state: 'failed'; readonly failure: Failure };

export interface EndPushInput extends PushInput {
  readonly end: PushEnd;
}

/** What one pass over the webhooks of a tenant has left. */
export interface WebhooksPass {
  /** When the next attempt is due, ISO 8601; `null`: nothing is pending. */
  readonly nextAt: string | null;
}

/** What one pass of the reconciler changed, in counts. */
export interface Reconciled {
  /** Runs that were active without a workflow, and are ended now. */
  readonly lost: number;
  /** Runs whose objects were due, and are gone. */
  readonly removed: number;
  /** Ended runs that had objects which should not have been there. */
  readonly strays: number;
  /** Schedules that were missing or out of date. */
  readonly schedules: number;
  /** Deliveries to tenants' own destinations that nobody had started. */
  readonly deliveries: number;
  /** Tenants with webhooks that were due, and that nobody was sending. */
  readonly webhooks: number;
  /** Requests whose end nobody had been told by mail. */
  readonly mails: number;
  /** Rows that failed; the log says why, and the next pass tries them again. */
  readonly failed: number;
}
