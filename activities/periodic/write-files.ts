import { activityInfo } from '@temporalio/activity';
import { generationFileStem } from '../../contracts/attempts.ts';
import { generationPrefix } from '../../contracts/keys.ts';
import type { ManifestPart } from '../../contracts/manifest.ts';
import { fileExtension } from '../../contracts/order.ts';
import type { FileTask, WriteFilesInput } from '../../contracts/periodic-steps.ts';
import type { Settled } from '../../contracts/settled.ts';
import type { ObjectTask } from '../write-object.ts';
import type { WriteStep } from '../write-step.ts';
import { fileOrder } from './file-order.ts';

const WHOLE = { from: null, to: null };

/** Writes files of a generation, each in one format, one after the other, each as one sealed object. */
export function createWriteFiles(writeStep: WriteStep) {
  function objectTask(input: WriteFilesInput, { file, dataset, format, rows, rowsHash }: FileTask): ObjectTask {
    const { tenant, generationId, recipient, snapshotAt, round } = input;
    const runId = activityInfo().workflowExecution?.runId ?? generationId;
    const order = fileOrder(tenant, dataset, format, recipient);
    return {
      order,
      // Every file is whole, so the warehouse is to write its header.
      part: { index: 0, slice: WHOLE, rows, rowsHash },
      snapshotAt,
      prefix: generationPrefix(tenant, generationId),
      object: { stem: generationFileStem(file, runId, round), extension: fileExtension(order) },
    };
  }

  return async function writeFiles(input: WriteFilesInput): Promise<Settled<readonly ManifestPart[]>> {
    return writeStep(async (write) => {
      const parts: ManifestPart[] = [];
      for (const task of input.tasks) parts.push(await write(objectTask(input, task)));
      return parts;
    });
  };
}
