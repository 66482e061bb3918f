import { createRecordSteps } from './ledger.ts';
import { createSendNotices } from './notices/send-notices.ts';
import { createPlanGeneration } from './periodic/plan-generation.ts';
import { createPublishGeneration } from './periodic/publish-generation.ts';
import { createGenerationRecords } from './periodic/record.ts';
import { createRemoveGeneration } from './periodic/remove-generation.ts';
import { createGenerationScheduling } from './periodic/schedule.ts';
import { createWriteFiles } from './periodic/write-files.ts';
import { createPlanExport } from './plan-export.ts';
import type { Ports } from './ports.ts';
import { createPublishExport } from './publish-export.ts';
import { createReconcile } from './reconcile.ts';
import { createRemoveExport } from './remove-export.ts';
import { createWritePart } from './write-part.ts';
import { createWriteStep } from './write-step.ts';

/** Every step of every workflow. Workflows see only the type of what this returns. */
export function createActivities(ports: Ports) {
  const writeStep = createWriteStep(ports);
  return {
    ...createRecordSteps(ports),
    planExport: createPlanExport(ports),
    writePart: createWritePart(writeStep),
    publishExport: createPublishExport(ports),
    removeExport: createRemoveExport(ports),
    reconcile: createReconcile(ports),

    ...createGenerationRecords(ports),
    ...createGenerationScheduling(ports),
    planGeneration: createPlanGeneration(ports),
    writeFiles: createWriteFiles(writeStep),
    publishGeneration: createPublishGeneration(ports),
    removeGenerationFiles: createRemoveGeneration(ports),
    sendNotices: createSendNotices(ports),
  };
}

export type Activities = ReturnType<typeof createActivities>;
