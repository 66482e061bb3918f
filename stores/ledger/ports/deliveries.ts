import type { DestinationConfig } from '../../../contracts/destination.ts';
import type { Failure } from '../../../contracts/failures.ts';
import type { WebhookEvent, WebhookFailure, WebhookState } from '../../../contracts/webhook.ts';
import type { DeliveryRow, Destination, Notice, Run, Webhook, WebhookEventRow } from '../tables.ts';
import type { Runs } from './runs.ts';

export interface Notices {
  /** Notices of the tenant that have not been sent, oldest first. */
  due(tenant: string): Promise<readonly Notice[]>;
  /** @param recipients number of addresses it was sent to; 0: the tenant has no contacts, or mail is not set up */
  recordSent(noticeId: string, recipients: number): Promise<void>;
}

/** Each change adds a line to the audit trail. */
export interface Destinations {
  find(tenant: string): Promise<Destination | undefined>;
  /** Sets or replaces the destination of the tenant. */
  put(destination: {
    readonly tenant: string;
    readonly config: DestinationConfig;
    /** Sealed. */
    readonly secret: Buffer;
    readonly actor: string;
  }): Promise<Destination>;
  /** @returns whether there was one */
  remove(tenant: string, actor: string): Promise<boolean>;
}

/** A delivery, and the run whose files it delivers. */
export interface Delivery extends DeliveryRow {
  readonly run: Run;
}

export type DeliveryEnd =
  | { readonly state: 'delivered' | 'skipped' }
  | { readonly state: 'failed'; readonly failure: Failure };

/** `Runs.commit` creates them, so every run that is committed while its tenant has a destination has one. */
export interface Deliveries {
  find(runId: string): Promise<Delivery | undefined>;
  /** The newest one of the tenant. */
  last(tenant: string): Promise<Delivery | undefined>;
  /** Other deliveries that are pending, of runs of the same series that were committed earlier. */
  listOlder(delivery: Delivery): Promise<readonly Delivery[]>;
  /** Counts an attempt, at this version of the destination. */
  recordAttempt(runId: string, destinationVersion: number): Promise<void>;
  /**
   * pending -> delivered, failed or skipped; no effect once ended. The first failure of a destination creates a notice, and so does
   * the first success after it.
   */
  end(runId: string, end: DeliveryEnd): Promise<void>;
  /** Pending ones that were created before this moment, oldest first. */
  listPending(createdBefore: Date, limit: number): Promise<readonly Delivery[]>;
}

/** Each change adds a line to the audit trail. */
export interface Webhooks {
  find(tenant: string): Promise<Webhook | undefined>;
  /**
   * Sets the address and the events of the tenant, and enables the webhook again.
   * @param webhook.secret sealed; used only if the tenant has none
   */
  put(webhook: {
    readonly tenant: string;
    readonly url: string | null;
    readonly events: readonly WebhookEvent[];
    readonly secret: Buffer;
    readonly actor: string;
  }): Promise<Webhook>;
  /** Replaces the secret; the previous one goes on signing for a while. @returns `undefined`: the tenant has no webhook */
  rotate(change: {
    readonly tenant: string;
    readonly secret: Buffer;
    readonly actor: string;
  }): Promise<Webhook | undefined>;
  /** Records that the address is gone, if it still is the one of this version. */
  disable(tenant: string, version: number): Promise<void>;
  /** @returns whether there was one */
  remove(tenant: string, actor: string): Promise<boolean>;
}

/** How an attempt ended, and what follows. */
export interface WebhookAttempt {
  readonly state: Exclude<WebhookState, 'skipped'>;
  /** HTTP status; `null`: there was no answer. */
  readonly status: number | null;
  readonly error: WebhookFailure | null;
  /** `null` unless it stays pending. */
  readonly nextAttemptAt: Date | null;
}

/** The methods of {@link Runs} create events, in the transaction of the outcome, so each outcome is told at most once. */
export interface WebhookEvents {
  /**
   * Lets an address be told of a run, also if the run has ended meanwhile or is not recorded yet. Idempotent.
   * @returns `false`: the run has as many callbacks as it may have
   */
  addCallback(callback: { readonly runId: string; readonly tenant: string; readonly url: string }): Promise<boolean>;
  isDue(tenant: string): Promise<boolean>;
  /** Those to be sent now, longest due first. */
  due(tenant: string, limit: number): Promise<readonly WebhookEventRow[]>;
  /** When the next one of the tenant is due; `null`: none is pending. */
  nextAttemptAt(tenant: string): Promise<Date | null>;
  /** Counts an attempt; no effect on one that is not pending. */
  record(eventId: string, attempt: WebhookAttempt): Promise<void>;
  /** Without an attempt. */
  postpone(eventIds: readonly string[], nextAttemptAt: Date): Promise<void>;
  skip(eventIds: readonly string[]): Promise<void>;
  listDueTenants(limit: number): Promise<readonly string[]>;
  /**
   * Creates the events of runs with their own order whose files expire within so many hours.
   * @returns number of runs
   */
  oweExpiring(hours: number, limit: number): Promise<number>;
  /** The newest first. */
  list(tenant: string, limit: number): Promise<readonly WebhookEventRow[]>;
  /** Removes events that ended a month ago, and callbacks of runs that are over. */
  removeOld(limit: number): Promise<void>;
}
