import { attemptKeys } from '../contracts/attempts.ts';
import { runPrefix } from '../contracts/keys.ts';
import { REQUESTS } from '../contracts/requests.ts';
import type { EndInput, EndResult, KeptFiles, RemoveInput } from '../contracts/steps.ts';
import { removeBelow } from '../stores/objects/objects.ts';
import type { Ports } from './ports.ts';
import { createLedgerStep, runOrThrow } from './step.ts';

/**
 * Records how a run ended: commits it, or records that it failed or was cancelled. Idempotent. The webhooks that follow are sent by
 * another workflow; what prevents its start is left to the reconciler.
 */
export function createEnd({
  ledger,
  temporal,
  graceSeconds,
  logger,
}: Pick<Ports, 'ledger' | 'temporal' | 'graceSeconds' | 'logger'>) {
  const { runs } = ledger;

  async function startWebhooks(tenant: string): Promise<void> {
    try {
      if (await ledger.webhookEvents.isDue(tenant)) await temporal.wakeWebhooks(tenant);
    } catch (error) {
      logger.warn({ err: error, tenant }, 'the webhooks of a run are left to the reconciler');
    }
  }

  async function record({ runId, tenant, kind, end: ended }: EndInput): Promise<EndResult> {
    const inLedger = createLedgerStep(logger, { tenant });
    if (ended.state === 'completed') {
      const { state: _, retention, ...totals } = ended;
      // A download that begins before the file of a request expires can finish.
      const kept = { ...keptFiles(retention), ...(kind === REQUESTS && { graceSeconds }) };
      return { recorded: await inLedger(() => runs.commit(runId, { ...totals, retention: kept })) };
    }
    const { state, failure, removed } = ended;
    return inLedger(async () => {
      await runs.end(runId, { state, failure });
      const run = await runs.find(runId);
      if (run?.state === 'completed') {
        return { recorded: false, committed: { rows: run.rows ?? 0, bytes: run.bytes ?? 0 } };
      }
      if (removed) await runs.recordRemoval(runId, 'replaced');
      return { recorded: true };
    });
  }

  return async function end(input: EndInput): Promise<EndResult> {
    const result = await record(input);
    await startWebhooks(input.tenant);
    return result;
  };
}

function keptFiles({ expiresAt, ...kept }: KeptFiles<string>): KeptFiles<Date> {
  return expiresAt === undefined ? kept : { ...kept, expiresAt: new Date(expiresAt) };
}

/**
 * Removes every object of a run that has not completed, and the uploads of its lost attempts. From then on an attempt at `publish`
 * that was thought lost cannot commit the run. Idempotent.
 */
export function createRemove({ objects, ledger: { runs }, logger }: Pick<Ports, 'objects' | 'ledger' | 'logger'>) {
  return async function remove(input: RemoveInput): Promise<{ readonly objects: number }> {
    const { runId, tenant, attempted } = input;
    // Fails rather than report files as removed that still exist.
    return runOrThrow(logger, { tenant }, async () => {
      if (!(await runs.preventCommit(runId))) return { objects: 0 };
      const prefix = runPrefix(input);
      await objects.abortUploadsOf(attemptKeys(prefix, attempted));
      const count = await removeBelow(objects, prefix);
      await runs.noteAttempted(runId, attempted);
      await runs.recordRemoval(runId, 'replaced');
      return { objects: count };
    });
  };
}
