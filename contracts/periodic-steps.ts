import type { AttemptedObject } from './attempts.ts';
import type { Failure } from './failures.ts';
import type { Instant } from './instant.ts';
import type { ManifestColumn, ManifestPart } from './manifest.ts';
import type { PeriodicFormat } from './periodic.ts';
import type { RowSum } from './plan.ts';

/** What a schedule starts `periodicExport` with. All else is the ledger's to say when the run begins. */
export interface PeriodicInput {
  readonly tenant: string;
}

/** What every step of a run is told about it. It lives in Temporal's history: no rows, no secrets. */
export interface GenerationIdentity {
  readonly tenant: string;
  /** Run id of the workflow's first run. */
  readonly generationId: string;
  readonly workflowId: string;
}

/** What a run finds when it begins: nothing to do, or whom to seal to. */
export type Beginning =
  | {
      readonly enabled: false;
      /** Of the settings before the run looked at them; `null`: there are none. */
      readonly version: number | null;
    }
  | {
      readonly enabled: true;
      /** The one age recipient. */
      readonly recipient: string;
      /** Of the settings; a run of an older epoch can publish nothing. */
      readonly epoch: number;
      /** Of the settings: whether they have changed since. */
      readonly version: number;
    };

/** One file of the bundle, as the plan fixed it. */
export interface PlannedFile extends RowSum {
  readonly file: string;
  readonly dataset: string;
  readonly columns: readonly ManifestColumn[];
}

export interface GenerationPlan {
  readonly snapshotAt: Instant;
  readonly files: readonly PlannedFile[];
}

/** One file in one format: what becomes one object. */
export interface FileTask extends RowSum {
  readonly file: string;
  readonly dataset: string;
  readonly format: PeriodicFormat;
}

/** What became of a task. */
export interface WrittenFile extends Pick<FileTask, 'file' | 'format'> {
  readonly part: ManifestPart;
}

export interface WriteFilesInput extends GenerationIdentity {
  readonly recipient: string;
  readonly snapshotAt: Instant;
  readonly tasks: readonly FileTask[];
  /** Counts from 1; every round writes all files anew, from a snapshot of its own. */
  readonly round: number;
}

export interface PublishGenerationInput extends GenerationIdentity {
  readonly recipient: string;
  readonly epoch: number;
  readonly plan: GenerationPlan;
  /** Of every file of the plan, in every format. */
  readonly written: readonly WrittenFile[];
  /** ISO 8601; fixed by the workflow so that a retry writes the very same manifest. */
  readonly createdAt: string;
}

/** What the switch came to. `replaced`: the settings are of another epoch now, or off. */
export type Switched =
  | { readonly published: false }
  | {
      readonly published: true;
      /** The generation that was current until now. */
      readonly previous: string | null;
      readonly rows: number;
      readonly bytes: number;
    };

/** How a run ended that published nothing. */
export interface GenerationEnd extends GenerationIdentity {
  readonly state: 'failed' | 'cancelled';
  readonly failure: Failure;
}

/** Of a run that published nothing, and after which another one may be missing. */
export interface MissedRunInput extends GenerationIdentity {
  /** Of the settings that it began with; `null`: it never came to begin. */
  readonly version: number | null;
}

/** Names the files of a generation that are to be removed. */
export interface RemoveGenerationInput {
  readonly tenant: string;
  readonly generationId: string;
  /** As for the removal of an export. */
  readonly attempted?: readonly AttemptedObject[];
}

/** What a run of the bundle came to. */
export interface PeriodicResult {
  /** `off`: there was nothing to do; `replaced`: the settings changed meanwhile, and nothing was published. */
  readonly outcome: 'published' | 'off' | 'replaced';
  readonly rows: number;
  readonly bytes: number;
}
