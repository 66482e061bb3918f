import { ApplicationFailure, activityInfo, CancelledFailure } from '@temporalio/activity';
import { causeDetails, type FailureCode, WaybillError } from '../contracts/failures.ts';
import { dayOf, pushWorkflowId } from '../contracts/keys.ts';
import { RECURRING } from '../contracts/recurring.ts';
import type { EndPushInput, PushEnd, PushInput } from '../contracts/steps.ts';
import type { Delivery, Destination } from '../stores/ledger/ports.ts';
import { openManifest } from '../stores/objects/manifests.ts';
import { createSendNotices, type NoticePorts } from './notices/send-notices.ts';
import type { Ports } from './ports.ts';
import { type PushProgress, pushFiles, readProgress } from './push-files.ts';
import { createLedgerStep, runStep } from './step.ts';

/** How long an attempt waits for an older delivery to stop, in milliseconds; the next attempt waits again. */
const OLDER_MS = 20_000;

/** Failures of the deployment's own files, which no retry cures. Whatever the tenant can mend is tried again. */
const FINAL: readonly FailureCode[] = ['gone', 'object_damaged'];

/** Thrown when the delivery is not wanted any more. */
class Unwanted extends Error {
  override readonly name = 'Unwanted';
}

type PushPorts = Pick<Ports, 'ledger' | 'objects' | 'temporal' | 'attempts' | 'remotes' | 'logger'>;

/**
 * Delivers the files of a run to the tenant's destination as it is now. An attempt continues after the last file that an earlier one
 * has finished. Every error is thrown, to be retried; the workflow decides for how long.
 */
export function createPush(ports: PushPorts): (input: PushInput) => Promise<PushEnd> {
  const { ledger, objects, attempts, remotes, logger } = ports;

  /** Stops older deliveries of the same day, which would write the same files. */
  async function stopOlder(delivery: Delivery): Promise<void> {
    for (const { runId, run } of await ledger.deliveries.listOlder(delivery)) {
      const workflowId = pushWorkflowId(run);
      const open = await ports.temporal.findRunning(workflowId);
      if (open !== undefined && !(await ports.temporal.cancel({ workflowId, runId: open }, OLDER_MS))) {
        throw new WaybillError('settings_busy', 'An older delivery of the same day has not stopped yet.');
      }
      await ledger.deliveries.end(runId, { state: 'skipped' });
    }
  }

  /** @throws Unwanted, CancelledFailure, WaybillError if this attempt must not write any more */
  async function assertWanted({ runId, run }: Delivery, { version }: Destination, progress: PushProgress) {
    const [delivery, destination] = [await ledger.deliveries.find(runId), await ledger.destinations.find(run.tenant)];
    if (delivery?.state !== 'pending' || !delivery.run.current || !destination) throw new Unwanted();
    if (destination.version !== version) {
      const message = 'The destination was changed during the delivery, which starts again with the new one.';
      throw new WaybillError('destination_unavailable', message);
    }
    switch (await attempts.find(activityInfo().taskToken, progress)) {
      case 'counts':
        return;
      case 'over':
        throw new CancelledFailure('The attempt does not count any more');
      case 'unknown':
        throw new WaybillError('temporal_unavailable');
    }
  }

  async function deliver({ tenant, runId }: PushInput, progress: PushProgress, signal: AbortSignal): Promise<PushEnd> {
    const [delivery, destination] = [await ledger.deliveries.find(runId), await ledger.destinations.find(tenant)];
    if (delivery?.state !== 'pending' || !delivery.run.current || !destination) return { state: 'skipped' };
    if ((await ledger.tenants.find(tenant))?.disabledAt !== null) return { state: 'skipped' };
    if (!remotes) throw new WaybillError('push_not_offered');
    await ledger.deliveries.recordAttempt(runId, destination.version);
    if (progress.version !== destination.version)
      Object.assign(progress, { version: destination.version, filesDone: 0 });
    await stopOlder(delivery);
    const stored = await openManifest(objects, delivery.run);
    const remote = await remotes.open(destination, signal);
    try {
      const { config } = destination;
      const files = { objects, stored, remote, config, day: dayOf(delivery.run), progress, signal };
      await pushFiles({ ...files, assertWanted: () => assertWanted(delivery, destination, progress) });
      return { state: 'delivered', files: stored.manifest.files.length, bytes: stored.manifest.bytes };
    } finally {
      await remote.close();
    }
  }

  return async function push(input) {
    const progress = readProgress(activityInfo().heartbeatDetails);
    const work = async (signal: AbortSignal): Promise<PushEnd> => {
      try {
        return await deliver(input, progress, signal);
      } catch (error) {
        if (error instanceof Unwanted) return { state: 'skipped' };
        throw error;
      }
    };
    const result = await runStep(logger, { tenant: input.tenant }, work, () => ({ ...progress }));
    if (result.ok) return result.value;
    const { failure } = result;
    const nonRetryable = FINAL.includes(failure.code);
    const details = [...causeDetails(failure)];
    throw ApplicationFailure.create({ message: failure.message, type: failure.code, nonRetryable, details });
  };
}

/** Records how a delivery ended and sends the notice that follows from it. Idempotent. */
export function createEndPush(ports: NoticePorts & Pick<Ports, 'ledger' | 'logger'>) {
  const { ledger, logger } = ports;
  const sendNotices = createSendNotices(ports);
  return async function endPush({ tenant, runId, end }: EndPushInput): Promise<void> {
    const inLedger = createLedgerStep(logger, { tenant });
    await inLedger(() =>
      ledger.deliveries.end(
        runId,
        end.state === 'failed' ? { state: 'failed', failure: end.failure } : { state: end.state },
      ),
    );
    if (end.state === 'skipped') return;
    try {
      await sendNotices(tenant, RECURRING);
    } catch (error) {
      logger.warn({ err: error, tenant, runId }, 'a notice could not be sent; the next run sends it');
    }
  };
}
