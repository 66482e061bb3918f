import { attemptKeys } from '../contracts/attempts.ts';
import { FAILURES, WaybillError } from '../contracts/failures.ts';
import { HANDOVERS } from '../contracts/handover.ts';
import { runPrefix } from '../contracts/keys.ts';
import type { StandingKind } from '../contracts/standing.ts';
import type { Reconciled } from '../contracts/steps.ts';
import type { Delivery, Run, StandingOrder } from '../stores/ledger/ports.ts';
import { openManifest } from '../stores/objects/manifests.ts';
import { removeBelow } from '../stores/objects/objects.ts';
import { endIfLost } from '../stores/temporal/lost-runs.ts';
import { createSendRequestMails, type RequestMailPorts } from './notices/request-mails.ts';
import type { Ports } from './ports.ts';
import { runOrThrow } from './step.ts';
import { unlisted } from './stored.ts';

/** Maximum number of rows per kind of work in one pass; the next pass takes the rest. */
const ROWS_MAX = 500;
/** How long a run may be in the ledger before its workflow, and a change before its schedule. Milliseconds. */
const SETTLING_MS = 60_000;
/** How long the object of a preview may be there. Milliseconds. */
const PREVIEW_KEPT_MS = 10 * 60_000;

type ReconcilePorts = Pick<
  Ports,
  'ledger' | 'objects' | 'temporal' | 'syncSchedule' | 'standingKinds' | 'straySeconds' | 'expiryNoticeHours' | 'logger'
> &
  RequestMailPorts;

/**
 * Makes the bucket and the schedules match the ledger, and the ledger match Temporal. Ends active runs whose workflow is
 * gone; removes objects that are due; checks every run once more some time after its end, because a worker without Temporal
 * may have finished an upload since; restores missing schedules; starts deliveries and webhooks that nobody has started, those of
 * files that expire soon among them. Every part may be repeated.
 *
 * One row that fails is logged and left to the next pass. A server that does not answer ends the pass.
 */
export function createReconcile(ports: ReconcilePorts) {
  const { ledger, objects, temporal, syncSchedule, standingKinds, straySeconds, logger } = ports;

  const sendRequestMails = createSendRequestMails(ports);

  const isLost = async (run: Run) => (await endIfLost(ports, run)).lost;

  async function removeDue(run: Run, now: Date): Promise<boolean> {
    await removeBelow(objects, runPrefix(run));
    const expired = run.expiresAt !== null && run.expiresAt <= now;
    const removal = run.deletedAt !== null ? 'deleted' : expired ? 'expired' : 'replaced';
    await ledger.runs.recordRemoval(run.runId, removal);
    return true;
  }

  /** @returns whether there were objects that should not exist */
  async function recheck(run: Run): Promise<boolean> {
    const { runId, state, removedAt, attempted } = run;
    const prefix = runPrefix(run);
    await objects.abortUploadsOf(attemptKeys(prefix, attempted ?? []));
    const published = state === 'completed' && removedAt === null;
    const count = await (published ? removeUnlisted(run) : removeBelow(objects, prefix));
    if (count > 0) logger.warn({ runId, objects: count }, 'removed what a lost worker wrote');
    await ledger.runs.recordRecheck(runId);
    return count > 0;
  }

  /** Only a manifest with the hash that the ledger names determines which objects may go. @returns number of objects */
  async function removeUnlisted(run: Run): Promise<number> {
    const stored = await openManifest(objects, run).catch((error: unknown) => {
      if (!(error instanceof WaybillError) || FAILURES[error.code].retryable) throw error;
      logger.error({ err: error, runId: run.runId }, 'objects are not checked: the manifest is missing or altered');
    });
    if (!stored) return 0;
    const { manifest, prefix } = stored;
    const names = manifest.files.flatMap(({ parts }) => parts.map(({ name }) => name));
    const strays = await unlisted(objects, prefix, names);
    await objects.remove(strays);
    return strays.length;
  }

  async function restoreSchedule(
    kind: StandingKind,
    { tenant, changedAt }: StandingOrder,
    listed: ReadonlySet<string>,
    now: Date,
  ): Promise<boolean> {
    const id = kind.scheduleId(tenant);
    if (listed.has(id) || now.getTime() - changedAt.getTime() < SETTLING_MS) return false;
    // The list may be older than the schedule.
    if (await temporal.nextRun(id)) return false;
    const settings = await syncSchedule(kind, tenant);
    // Whoever enabled it has not come to start the first run. A run of changes waits for its time.
    if (kind.exports === 'all' && settings?.enabled && settings.currentRunId === null)
      await temporal.trigger(id, 'after');
    logger.warn({ tenant, kind: kind.kind }, 'the schedule of a standing order was missing and has been restored');
    return true;
  }

  /** Whoever changed the settings has not come to change the schedule, or to remove it. */
  async function bringUpToDate(kind: StandingKind, tenant: string): Promise<boolean> {
    await syncSchedule(kind, tenant);
    logger.warn({ tenant, kind: kind.kind }, 'the schedule of a standing order was out of date and has been updated');
    return true;
  }

  /** Whoever committed the run has not come to start its delivery, or the delivery was terminated. */
  async function restartPush({ runId, run: { tenant } }: Delivery): Promise<boolean> {
    if (!(await temporal.startPush({ tenant, runId }))) return false;
    logger.warn({ tenant, runId }, 'a delivery that was pending without a workflow has been started');
    return true;
  }

  /** Whoever asked for them has died before it could remove them; nobody can open them any more. */
  async function removePreviews(writtenBefore: Date): Promise<void> {
    const keys: string[] = [];
    for await (const { key, modifiedAt } of objects.list(HANDOVERS)) if (modifiedAt < writtenBefore) keys.push(key);
    if (keys.length > 0) await objects.remove(keys);
  }

  /** @param now ISO 8601; the workflow's time, the same for a retry */
  return async function reconcile({ now }: { readonly now: string }): Promise<Reconciled> {
    return runOrThrow(logger, {}, async (signal) => {
      const at = new Date(now);
      const before = (ms: number) => new Date(at.getTime() - ms);
      let failed = 0;

      /** @returns number of rows that the work changed */
      async function each<Row extends object>(rows: readonly Row[], work: (row: Row) => Promise<boolean>) {
        let changed = 0;
        for (const row of rows) {
          signal.throwIfAborted();
          try {
            if (await work(row)) changed += 1;
          } catch (error) {
            if (error instanceof WaybillError && FAILURES[error.code].retryable) throw error;
            const { tenant, runId } = row as Partial<Run>;
            logger.error({ err: error, tenant, runId }, 'could not be reconciled; the next pass tries again');
            failed += 1;
          }
        }
        return changed;
      }

      const { runs, standingOrders } = ledger;
      const lost = await each(await runs.listActive(before(SETTLING_MS), ROWS_MAX), isLost);
      const removed = await each(await runs.dueForRemoval(at, ROWS_MAX), (run) => removeDue(run, at));
      const strays = await each(await runs.dueForRecheck(before(straySeconds * 1000), ROWS_MAX), recheck);
      const deliveries = await each(await ledger.deliveries.listPending(before(SETTLING_MS), ROWS_MAX), restartPush);
      // Asked one by one, each schedule would cost a query of its workflow in every pass.
      const listed = await temporal.listSchedules();
      let schedules = 0;
      for (const kind of standingKinds) {
        schedules += await each(await standingOrders.listUnsynced(kind.kind, before(SETTLING_MS)), ({ tenant }) =>
          bringUpToDate(kind, tenant),
        );
        schedules += await each(await standingOrders.listEnabled(kind.kind), (order) =>
          restoreSchedule(kind, order, listed, at),
        );
      }
      await removePreviews(before(PREVIEW_KEPT_MS));
      const unacknowledged = await runs.oweMissingAcknowledgements(at);
      if (unacknowledged > 0) logger.warn({ runs: unacknowledged }, 'runs were not acknowledged in time');
      await ledger.webhookEvents.oweExpiring(ports.expiryNoticeHours, ROWS_MAX);
      await ledger.webhookEvents.removeOld(ROWS_MAX);
      const tenants = (await ledger.webhookEvents.listDueTenants(ROWS_MAX)).map((tenant) => ({ tenant }));
      const webhooks = await each(tenants, async ({ tenant }) => {
        await temporal.wakeWebhooks(tenant);
        return true;
      });
      const mails = await each(await ledger.requests.unmailed(before(SETTLING_MS), ROWS_MAX), (run) =>
        sendRequestMails(run, undefined),
      );
      return { lost, removed, strays, schedules, deliveries, webhooks, mails, failed };
    });
  };
}
