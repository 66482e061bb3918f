import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Catalog } from '../config/dataset.ts';
import type { Ledger } from '../stores/ledger/ledger.ts';
import type { Mail } from '../stores/mail/mail.ts';
import type { Objects } from '../stores/objects/objects.ts';
import type { Attempts } from '../stores/schedules/attempts.ts';
import type { GenerationRemovals } from '../stores/schedules/removals.ts';
import type { PeriodicSchedules } from '../stores/schedules/schedules.ts';
import type { StrayRemovals } from '../stores/schedules/strays.ts';
import type { Warehouse } from '../stores/warehouse/warehouse.ts';

/** What the steps of an export work with. */
export interface Ports {
  readonly catalog: Catalog;
  readonly warehouse: Warehouse;
  readonly objects: Objects;
  readonly ledger: Ledger;
  /** Starts the delayed workflow that removes an export's files. */
  readonly temporal: Pick<Client, 'workflow'>;
  readonly schedules: PeriodicSchedules;
  readonly removals: GenerationRemovals;
  readonly strays: StrayRemovals;
  readonly attempts: Attempts;
  /** `null`: mail is not set up, and nobody is told by it. */
  readonly mail: Mail | null;
  /** Where callers reach the API; letters name it. */
  readonly publicUrl: string;
  /** Control queue of this deployment. */
  readonly taskQueue: string;
  /** A count of rows from which an unsealed export is split. */
  readonly partRows: number;
  /** Seconds that a replaced generation stays. */
  readonly periodicGraceSeconds: number;
  readonly logger: Logger;
}
