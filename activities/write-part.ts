import { activityInfo } from '@temporalio/activity';
import { exportPrefix, partKey } from '../contracts/keys.ts';
import type { ManifestPart } from '../contracts/manifest.ts';
import { fileExtension } from '../contracts/order.ts';
import type { Settled } from '../contracts/settled.ts';
import type { WritePartInput } from '../contracts/steps.ts';
import { attemptName } from './attempt.ts';
import type { WriteObject } from './write-object.ts';

/** Writes one part of an export as one object. */
export function createWritePart(writeObject: WriteObject) {
  return async function writePart(input: WritePartInput): Promise<Settled<ManifestPart>> {
    const { order, part, exportId, snapshotAt } = input;
    const prefix = exportPrefix(order.tenant, exportId);
    const runId = activityInfo().workflowExecution?.runId ?? exportId;
    const extension = fileExtension(order);
    const keyOf = (attempt: number) => partKey(prefix, part.index, attemptName(runId, attempt), extension);
    const written = await writeObject({ order, part, snapshotAt, keyOf });
    if (!written.ok) return written;
    const { key, rows, bytes, sha256, contentBytes, contentSha256 } = written.value;
    return {
      ok: true,
      value: { name: key.slice(prefix.length), rows, bytes, sha256, contentBytes, contentSha256 },
    };
  };
}
