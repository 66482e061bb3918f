import { activityInfo } from '@temporalio/activity';
import type { GenerationObject } from '../../contracts/generation.ts';
import { generationFileKey, generationPrefix } from '../../contracts/keys.ts';
import { fileExtension } from '../../contracts/order.ts';
import type { WriteFileInput } from '../../contracts/periodic-steps.ts';
import type { Settled } from '../../contracts/settled.ts';
import { attemptName } from '../attempt.ts';
import type { WriteObject } from '../write-object.ts';
import { fileOrder } from './file-order.ts';

const WHOLE = { from: null, to: null };

/** Writes one file of a generation, in one file type, as one sealed object. */
export function createWriteFile(writeObject: WriteObject) {
  return async function writeFile(input: WriteFileInput): Promise<Settled<GenerationObject>> {
    const { tenant, generationId, recipient, snapshotAt, file, fileType, round } = input;
    const prefix = generationPrefix(tenant, generationId);
    const runId = activityInfo().workflowExecution?.runId ?? generationId;
    const order = fileOrder(tenant, file.dataset, fileType, recipient);
    const keyOf = (attempt: number) =>
      generationFileKey(prefix, file.file, `${attemptName(runId, round)}-${attempt}`, fileExtension(order));
    const written = await writeObject({
      order,
      // Every file is whole, so the warehouse is to write its header.
      part: { index: 0, slice: WHOLE, rows: file.rows },
      snapshotAt,
      keyOf,
    });
    if (!written.ok) return written;
    const { key, bytes, sha256, contentBytes } = written.value;
    return { ok: true, value: { name: key.slice(prefix.length), bytes, sha256, contentBytes } };
  };
}
