import { activityInfo } from '@temporalio/activity';
import { partStem } from '../contracts/attempts.ts';
import { exportPrefix } from '../contracts/keys.ts';
import type { ManifestPart } from '../contracts/manifest.ts';
import { fileExtension } from '../contracts/order.ts';
import type { Settled } from '../contracts/settled.ts';
import type { WritePartInput } from '../contracts/steps.ts';
import type { WriteStep } from './write-step.ts';

/** Writes one part of an export as one object. */
export function createWritePart(writeStep: WriteStep) {
  return async function writePart(input: WritePartInput): Promise<Settled<ManifestPart>> {
    const { order, part, exportId, snapshotAt } = input;
    const prefix = exportPrefix(order.tenant, exportId);
    const runId = activityInfo().workflowExecution?.runId ?? exportId;
    const object = { stem: partStem(part.index, runId), extension: fileExtension(order) };
    return writeStep((write) => write({ order, part, snapshotAt, prefix, object }));
  };
}
