import type { Logger } from 'pino';
import type { Catalog } from '../config/dataset.ts';
import type { ExportKind } from '../contracts/run.ts';
import type { StandingKind } from '../contracts/standing.ts';
import type { Ledger } from '../stores/ledger/ports.ts';
import type { Mail } from '../stores/mail/mail.ts';
import type { Objects } from '../stores/objects/objects.ts';
import type { ArchivePasswords } from '../stores/remotes/archive-passwords.ts';
import type { Remotes } from '../stores/remotes/remote.ts';
import type { Attempts } from '../stores/temporal/attempts.ts';
import type { StandingDeployment, SyncSchedule } from '../stores/temporal/sync-schedule.ts';
import type { Temporal } from '../stores/temporal/temporal.ts';
import type { Warehouse } from '../stores/warehouse/warehouse.ts';
import type { WebhookSender } from '../stores/webhooks/webhook-sender.ts';
import type { Signer } from '../streams/signing.ts';
import type { Turns } from './turns.ts';

/** What the steps of an export work with. */
export interface Ports {
  readonly catalog: Catalog;
  readonly warehouse: Warehouse;
  readonly objects: Objects;
  /** What questionnaires refer to, such as pictures, by the keys that the warehouse has; `null`: the deployment has none. */
  readonly attachments: Pick<Objects, 'head' | 'read'> | null;
  readonly ledger: Ledger;
  /** `null`: the deployment has no key, so archives cannot have a password. */
  readonly archivePasswords: Pick<ArchivePasswords, 'open'> | null;
  readonly temporal: Temporal;
  readonly syncSchedule: SyncSchedule;
  /** Kinds of standing orders whose runs this worker makes. */
  readonly standingKinds: readonly StandingKind[];
  readonly attempts: Attempts;
  /** `null`: manifests are not signed. */
  readonly signer: Signer | null;
  /** `null`: mail is not set up, so no notices are sent. */
  readonly mail: Mail | null;
  /** `null`: push delivery is not set up. */
  readonly remotes: Remotes | null;
  /** `null`: webhooks are not set up. */
  readonly webhooks: WebhookSender | null;
  /** Hours before the files of an order expire in which its tenant is told. */
  readonly expiryNoticeHours: number;
  /** Base URL of the API, for e-mails and webhooks. */
  readonly publicUrl: string;
  /** For temporary files. @default the system's */
  readonly tempDirectory?: string | undefined;
  /** A count of rows from which an unsealed export is split. */
  readonly partRows: number;
  /** When standing orders of a kind run, unless a tenant has chosen. */
  readonly deployment: (kind: ExportKind) => StandingDeployment;
  /** Seconds from the end of a window of changes until it is read, for rows that are committed late. */
  readonly settlingSeconds: number;
  /** Days that the files of changes are kept. */
  readonly keepDays: number;
  /** Seconds that the files of a replaced run are kept. */
  readonly graceSeconds: number;
  /** Seconds from the end of a run until it is looked at once more. */
  readonly straySeconds: number;
  /** Of writing: what runs at once in this process. */
  readonly turns: Turns;
  readonly requests: RequestsDeployment;
  readonly logger: Logger;
}

/** How the request portal is set up. */
export interface RequestsDeployment {
  /** Requests that are fulfilled at once. */
  readonly runningMax: number;
  /** IANA name; mails tell times in it. */
  readonly timeZone: string;
  /** Address that learns of requests that failed; `null`: nobody does. */
  readonly supportEmail: string | null;
  /** Base URL of Temporal's UI, for operators; `null`: not known. */
  readonly temporalUi: { readonly url: string; readonly namespace: string } | null;
}
