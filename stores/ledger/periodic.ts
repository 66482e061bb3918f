import type { Failure } from '../../contracts/failures.ts';
import type { Instant } from '../../contracts/instant.ts';

/** A tenant's settings for periodic exports. */
export interface PeriodicSettings {
  readonly tenant: string;
  readonly enabled: boolean;
  /** age recipient (public key) that files are sealed to; `null`: never enabled, or deleted since. */
  readonly recipient: string | null;
  /** Whether the tenant brought the recipient, so that no private key was ever made here. */
  readonly ownRecipient: boolean;
  /** Raised whenever the recipient changes or goes: a run of an older epoch can publish nothing. */
  readonly epoch: number;
  /** Raised with every change of what is above or of the run time: what the schedule is brought in line with. */
  readonly version: number;
  /** `HH:MM` and IANA name; `null`: as the deployment has it. */
  readonly runAt: string | null;
  readonly timeZone: string | null;
  /** The generation that downloads are of; `null` until the first is published. */
  readonly generationId: string | null;
  /** When the first of the runs failed that have failed since the last success; `null`: the last one succeeded. */
  readonly failingSince: Date | null;
  readonly changedAt: Date;
}

/**
 * `running` → `published` → `superseded` → `removed`; `running` → `failed` or `cancelled`. Also `published` → `removed`,
 * when the recipient goes. What is neither running nor published owns no files that anybody is shown.
 */
export const GENERATION_STATES = ['running', 'published', 'superseded', 'failed', 'cancelled', 'removed'] as const;
export type GenerationState = (typeof GENERATION_STATES)[number];

/** One run of the bundle. `generationId` is the run id of the workflow's first run. */
export interface Generation {
  readonly generationId: string;
  readonly tenant: string;
  readonly workflowId: string;
  readonly epoch: number;
  readonly state: GenerationState;
  readonly startedAt: Date;
  readonly endedAt: Date | null;
  /** The rest is `null` until it is published. */
  readonly snapshotAt: Instant | null;
  /** A count of files, and of their rows, each file counted once. */
  readonly files: number | null;
  readonly rows: number | null;
  /** Sum over all objects. */
  readonly bytes: number | null;
  /** Lower-case hex SHA-256 of the manifest. */
  readonly manifestSha256: string | null;
  /** Why it failed or was cancelled; `null` otherwise. */
  readonly failure: Failure | null;
}

/** What is published of a generation. */
export interface PublishedGeneration {
  readonly generationId: string;
  readonly tenant: string;
  readonly epoch: number;
  readonly snapshotAt: Instant;
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
  readonly manifestSha256: string;
}

/** A letter that contacts are owed. Written with the change that causes it, so that none is lost and none is doubled. */
export interface Notice {
  readonly noticeId: string;
  readonly tenant: string;
  /** `failed`: the first failure after a success; `recovered`: the first success after failures. */
  readonly kind: 'failed' | 'recovered';
  readonly generationId: string;
  /** When the failing began. */
  readonly failingSince: Date;
  readonly failure: Failure | null;
}

/** What came of enabling. */
export type Enabling =
  /** New settings with a new recipient, or the old recipient again after a plain disable. */
  | { readonly outcome: 'enabled' | 'resumed'; readonly settings: PeriodicSettings }
  /** Nothing was changed: enabled already, or another recipient was brought than the one that was kept. */
  | { readonly outcome: 'already' | 'kept'; readonly settings: PeriodicSettings };

/**
 * The ledger's part for periodic exports. Every method is one transaction that locks the tenant's settings first, so
 * enabling, disabling and running at the same time end as if they had come one after the other.
 *
 * Errors: as for the ledger as a whole. Changes leave their line in the audit trail, by `actor`.
 */
export interface PeriodicLedger {
  findPeriodic(tenant: string): Promise<PeriodicSettings | undefined>;

  /**
   * Enables. Where settings with a recipient exist that are disabled, they are resumed as they are, unless the caller
   * brought a recipient of their own that is another one.
   *
   * @param order.recipient used only where none is kept
   * @param order.ownRecipient whether the caller brought it
   * @param order.runTime `null`: as the deployment has it; when resuming, `undefined` keeps what was
   */
  enablePeriodic(order: {
    readonly tenant: string;
    readonly recipient: string;
    readonly ownRecipient: boolean;
    readonly runTime: { readonly at: string | null; readonly timeZone: string | null } | undefined;
    readonly actor: string;
  }): Promise<Enabling>;

  /**
   * Switches off; files and recipient stay. No effect when it is off.
   * @param epoch only if the settings are still of this epoch; `null`: whatever they are
   */
  disablePeriodic(tenant: string, epoch: number | null, actor: string): Promise<PeriodicSettings | undefined>;

  /**
   * Switches off and forgets recipient and generation: from here on no key opens anything, and no run publishes.
   *
   * @returns every generation of the tenant that may still own objects, those of earlier, unfinished deletions included
   */
  deletePeriodic(tenant: string, epoch: number | null, actor: string): Promise<readonly Generation[]>;

  /**
   * Replaces the recipient of enabled settings and forgets the generation that the old one opens.
   *
   * @returns the new settings and every generation that may still own objects
   * @throws WaybillError `not_enabled`
   */
  rotatePeriodic(order: {
    readonly tenant: string;
    readonly recipient: string;
    readonly ownRecipient: boolean;
    readonly actor: string;
  }): Promise<{ readonly settings: PeriodicSettings; readonly outdated: readonly Generation[] }>;

  /**
   * Records that a run begins, unless the settings, or the tenant, are off. Repeating it is harmless.
   * @returns the settings it runs under, or `undefined` when there is nothing to do.
   */
  beginGeneration(run: {
    readonly tenant: string;
    readonly generationId: string;
    readonly workflowId: string;
    readonly startedAt: Date;
  }): Promise<PeriodicSettings | undefined>;

  /**
   * The switch: from here on downloads are of this generation. Only while the settings are on and of its epoch, and
   * only from `running`; repeating it answers the same. Ends a series of failures with a notice.
   *
   * @returns the generation that was current before, or `refused`.
   */
  publishGeneration(
    generation: PublishedGeneration,
  ): Promise<{ readonly previous: string | null } | { readonly refused: true }>;

  /**
   * running → failed or cancelled; no effect on any other state. The first failure of a series leaves a notice; a
   * cancel, and a run of another epoch, leave none.
   */
  endGeneration(
    generationId: string,
    end: { readonly state: 'failed' | 'cancelled'; readonly failure: Failure },
  ): Promise<void>;

  /** Records that no object is left. A generation that is running or current stays what it is. */
  recordGenerationRemoval(generationId: string): Promise<void>;

  findGeneration(generationId: string): Promise<Generation | undefined>;
  /** Newest first. */
  listGenerations(tenant: string, limit: number): Promise<readonly Generation[]>;

  /**
   * Puts a generation back from its manifest, as the current one where the tenant's settings have none; settings that
   * are missing are made, disabled, with its recipient.
   * @returns whether the ledger changed.
   */
  restoreGeneration(
    generation: Omit<PublishedGeneration, 'epoch'> & {
      readonly workflowId: string;
      readonly recipient: string;
      readonly createdAt: Date;
    },
  ): Promise<boolean>;

  /** Notices of the tenant that have not been sent, oldest first: also those of runs whose letters could not leave. */
  listDueNotices(tenant: string): Promise<readonly Notice[]>;
  /** @param recipients a count of addresses that it went to; 0: the tenant has no contacts, or mail is not set up */
  recordNoticeSent(noticeId: string, recipients: number): Promise<void>;
}
