import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Catalog } from '../config/dataset.ts';
import type { Ledger } from '../stores/ledger/ledger.ts';
import type { Objects } from '../stores/objects/objects.ts';
import type { Warehouse } from '../stores/warehouse/warehouse.ts';
import { createScheduleExpiry } from './expiry.ts';
import { createRecordSteps } from './ledger.ts';
import { createPlanExport } from './plan-export.ts';
import { createPublishExport } from './publish-export.ts';
import { createRemoveExport } from './remove-export.ts';
import { createWritePart } from './write-part.ts';

/** What the steps of an export work with. */
export interface Ports {
  readonly catalog: Catalog;
  readonly warehouse: Warehouse;
  readonly objects: Objects;
  readonly ledger: Ledger;
  /** Starts the delayed workflow that removes an export's files. */
  readonly temporal: Pick<Client, 'workflow'>;
  /** Control queue of this deployment. */
  readonly taskQueue: string;
  /** A count of rows from which an unsealed export is split. */
  readonly partRows: number;
  readonly logger: Logger;
}

/** Every step of an export. Workflows see only the type of what this returns. */
export function createActivities(ports: Ports) {
  return {
    ...createRecordSteps(ports),
    planExport: createPlanExport(ports),
    writePart: createWritePart(ports),
    publishExport: createPublishExport(ports),
    removeExport: createRemoveExport(ports),
    scheduleExpiry: createScheduleExpiry(ports),
  };
}

export type Activities = ReturnType<typeof createActivities>;
