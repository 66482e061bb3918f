import { randomUUID } from 'node:crypto';
import type { ExportRuns } from '../api/exports/runs.ts';
import type { Fate } from '../api/temporal/workflow-runs.ts';
import { WaybillError } from '../contracts/failures.ts';
import type { Progress } from '../contracts/progress.ts';

/** Exports that do nothing until the test says so, in place of Temporal. */
export interface ScriptedRuns extends ExportRuns {
  /** While true, every method fails with `temporal_unavailable`. */
  away: boolean;
  /** Export ids under way, by workflow id. */
  readonly running: Map<string, string>;
  /** Export ids that stay open after their outcome is recorded, as while they clean up, for so many looks. */
  readonly closing: Map<string, number>;
  /** How those not under way have ended; `cut` when it is not said. */
  readonly fates: Map<string, Fate>;
  /** Export ids that were asked to cancel. */
  readonly cancelled: Set<string>;
  /** What is answered next, by export id. */
  readonly seen: Map<string, Progress>;
  /** A count of questions about progress. */
  asked: number;
}

export function createScriptedRuns(): ScriptedRuns {
  const runs: ScriptedRuns = {
    away: false,
    asked: 0,
    running: new Map(),
    closing: new Map(),
    fates: new Map(),
    cancelled: new Set(),
    seen: new Map(),
    async start(workflowId) {
      reach();
      const exportId = runs.running.get(workflowId) ?? randomUUID();
      runs.running.set(workflowId, exportId);
      return exportId;
    },
    async findRunning(workflowId) {
      reach();
      return runs.running.get(workflowId);
    },
    async fate({ workflowId, exportId }) {
      reach();
      const looks = runs.closing.get(exportId);
      if (looks === 0) runs.running.delete(workflowId);
      else if (looks !== undefined) runs.closing.set(exportId, looks - 1);
      return runs.running.get(workflowId) === exportId ? 'open' : (runs.fates.get(exportId) ?? 'cut');
    },
    async cancel({ workflowId, exportId }) {
      reach();
      if (runs.running.get(workflowId) !== exportId) return 'ended';
      runs.cancelled.add(exportId);
      return 'requested';
    },
    async progress({ exportId }) {
      reach();
      runs.asked += 1;
      return runs.seen.get(exportId);
    },
    async ping() {
      reach();
    },
  };
  const reach = () => {
    if (runs.away) throw new WaybillError('temporal_unavailable');
  };
  return runs;
}
