import { activityInfo } from '@temporalio/activity';
import type { GenerationObject } from '../../contracts/generation.ts';
import { generationFileKey, generationPrefix } from '../../contracts/keys.ts';
import { fileExtension } from '../../contracts/order.ts';
import type { FileTask, WriteFilesInput } from '../../contracts/periodic-steps.ts';
import type { Settled } from '../../contracts/settled.ts';
import { attemptName } from '../attempt.ts';
import type { WriteObject } from '../write-object.ts';
import { fileOrder } from './file-order.ts';

const WHOLE = { from: null, to: null };

/** Writes files of a generation, each in one file type, one after the other, each as one sealed object. */
export function createWriteFiles(writeObject: WriteObject) {
  function writeOne(input: WriteFilesInput, { file, dataset, fileType, rows }: FileTask) {
    const { tenant, generationId, recipient, snapshotAt, round } = input;
    const prefix = generationPrefix(tenant, generationId);
    const runId = activityInfo().workflowExecution?.runId ?? generationId;
    const order = fileOrder(tenant, dataset, fileType, recipient);
    const extension = fileExtension(order);
    const keyOf = (attempt: number) =>
      generationFileKey(prefix, file, `${attemptName(runId, round)}-${attempt}`, extension);
    // Every file is whole, so the warehouse is to write its header.
    return writeObject({ order, part: { index: 0, slice: WHOLE, rows }, snapshotAt, keyOf });
  }

  return async function writeFiles(input: WriteFilesInput): Promise<Settled<readonly GenerationObject[]>> {
    const prefix = generationPrefix(input.tenant, input.generationId);
    const objects: GenerationObject[] = [];
    for (const task of input.tasks) {
      const written = await writeOne(input, task);
      if (!written.ok) return written;
      const { key, bytes, sha256, contentBytes } = written.value;
      objects.push({ name: key.slice(prefix.length), bytes, sha256, contentBytes });
    }
    return { ok: true, value: objects };
  };
}
