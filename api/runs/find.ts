import { WaybillError } from '../../contracts/failures.ts';
import { decodeJobId, isRunId } from '../../contracts/job-id.ts';
import type { Ledger, Run } from '../../stores/ledger/ports.ts';

/**
 * Finds the export that an id names: a job id in any of its spellings, or the bare export id. What is not there, what
 * belongs to another tenant and what was made up are all the same to the caller.
 *
 * @throws WaybillError `not_found`
 */
export async function findRun(ledger: Ledger, tenant: string, id: string): Promise<Run> {
  const uuid = id.toLowerCase();
  const job = isRunId(uuid) ? { runId: uuid, workflowId: undefined } : decodeJobId(id);
  const record = job && (await ledger.runs.find(job.runId));
  const theirs =
    record?.kind === 'on-demand' &&
    record.tenant === tenant &&
    (job?.workflowId === undefined || job.workflowId === record.workflowId);
  if (!record || !theirs) throw new WaybillError('not_found', 'There is no export with this id. Check the id.');
  return record;
}
