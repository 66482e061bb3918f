import type { Bundle } from '../../config/dataset.ts';
import { WaybillError } from '../../contracts/failures.ts';
import type { Instant } from '../../contracts/instant.ts';
import { isActive } from '../../contracts/progress.ts';
import {
  type ArchiveOrder,
  type ArchiveType,
  archiveSeries,
  type InterviewStatus,
  QUESTIONNAIRE,
  type QuestionnaireVersion,
} from '../../contracts/questionnaires.ts';
import { CANCELLED_RUN } from '../../contracts/run.ts';
import type { ArchiveFilter, ArchiveRuns, Run, Tenant } from '../../stores/ledger/ports.ts';
import type { ApiDeps } from '../deps.ts';
import { cancelRun, removeFiles } from '../runs/remove.ts';
import type { RunServices } from '../runs/services.ts';

/** What an archive is of. */
export interface ArchiveSubject extends QuestionnaireVersion {
  readonly type: ArchiveType;
  /** `null`: interviews of every status. */
  readonly status: InterviewStatus | null;
  /** Interviews that changed last at or after this time; `null`: of any time. */
  readonly from: Instant | null;
  /** At or before this time. */
  readonly to: Instant | null;
}

/** Who asks. */
export interface ArchiveCaller {
  readonly tenant: Tenant;
  /** Written to the audit trail. */
  readonly actor: string;
}

/** How long to wait for a cancelled run to end, in milliseconds. Until then its archive counts as being made. */
const CANCEL_MS = 10_000;

/** What callers can do with archives, through whatever interface. Errors besides: those of ledger, Temporal and object store. */
export interface Archives {
  /** The run that makes the archive, new or not. @throws WaybillError `invalid_field`; TryLater `too_many_exports` */
  start(caller: ArchiveCaller, subject: ArchiveSubject): Promise<Run>;
  state(tenant: string, subject: ArchiveSubject): Promise<ArchiveRuns>;
  /** Ends what makes the archive, if anything does; the archive before stays. */
  cancel(caller: ArchiveCaller, run: Run): Promise<void>;
  /** Removes the archive of a run that has ended. */
  remove(caller: ArchiveCaller, run: Run): Promise<void>;
  find(tenant: string, number: number): Promise<Run | undefined>;
  list(
    tenant: string,
    filter: ArchiveFilter,
    page: { readonly limit: number; readonly offset: number },
  ): Promise<readonly Run[]>;
}

export function createArchives(
  deps: Pick<ApiDeps, 'ledger' | 'objects' | 'temporal' | 'logger'>,
  { submit, closeLostRun }: Pick<RunServices, 'submit' | 'closeLostRun'>,
  bundle: Bundle,
): Archives {
  const { ledger, logger } = deps;

  return {
    async start({ tenant, actor }, subject) {
      assertOffered(bundle, subject);
      const settings = await ledger.archives.settings(tenant.key);
      const { recipients = [], changedAt } = settings ?? {};
      const { questionnaire, version, type, status, from, to } = subject;
      const order: ArchiveOrder = {
        ...{ tenant: tenant.key, bundle: bundle.name, questionnaire, version },
        ...{ type, status, from, to, recipients, settingsAt: changedAt?.toISOString() ?? null },
      };
      const { runId } = await submit(tenant, { order, workflowId: archiveSeries(order) }, null);
      const run = await ledger.runs.find(runId);
      // The workflow records itself, but nobody knows its number yet.
      if (!run) throw new WaybillError('ledger_unavailable');
      await ledger.audit.append({
        ...{ tenant: tenant.key, actor, action: 'export.requested', runId },
        detail: { dataset: bundle.name, format: type, number: run.number },
      });
      return run;
    },

    async state(tenant, subject) {
      const runs = await ledger.archives.ofSeries(tenant, archiveSeries({ tenant, ...subject }));
      if (!runs.active || isActive((await closeLostRun(runs.active)).state)) return runs;
      return ledger.archives.ofSeries(tenant, archiveSeries({ tenant, ...subject }));
    },

    async cancel({ tenant, actor }, run) {
      await ledger.audit.append({
        tenant: tenant.key,
        actor,
        action: 'export.cancelled',
        runId: run.runId,
        detail: {},
      });
      await cancelRun(deps, run, { waitMs: CANCEL_MS, message: CANCELLED_RUN.own });
    },

    async remove({ actor }, run) {
      if (!(await ledger.archives.retire(run.runId, actor))) return;
      try {
        await removeFiles(deps, run, 'deleted');
      } catch (error) {
        logger.warn({ err: error, runId: run.runId }, 'a deleted archive is left to the reconciler');
      }
    },

    async find(tenant, number) {
      const run = await ledger.runs.findByNumber(tenant, QUESTIONNAIRE, number);
      return run && closeLostRun(run);
    },

    list: (tenant, filter, page) => ledger.archives.list(tenant, filter, page),
  };
}

/** @throws WaybillError `invalid_field` */
function assertOffered({ filters }: Bundle, { status, from, to }: ArchiveSubject): void {
  if (status !== null && filters.status === null) {
    throw new WaybillError('invalid_field', 'Questionnaires are not filtered by status here. Leave it out.', {
      field: 'status',
    });
  }
  if ((from !== null || to !== null) && filters.time === null) {
    throw new WaybillError('invalid_field', 'Questionnaires are not filtered by time here. Leave it out.', {
      field: 'from',
    });
  }
}

/** @returns the order of a run. @throws TypeError for a run of another kind of export */
export function archiveOrderOf({ order }: Run): ArchiveOrder {
  if (!order || !('questionnaire' in order)) throw new TypeError('an archive has its own order');
  return order;
}
