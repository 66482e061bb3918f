import { CancellationScope, CancelledFailure, defineQuery, setHandler, workflowInfo } from '@temporalio/workflow';
import { ATTEMPTS_MAX, type AttemptedObject, earlierAttempts, partStem } from '../contracts/attempts.ts';
import type { Failure } from '../contracts/failures.ts';
import type { ManifestPart } from '../contracts/manifest.ts';
import { fileExtension } from '../contracts/order.ts';
import type { Plan } from '../contracts/plan.ts';
import type { Progress } from '../contracts/progress.ts';
import type { ExportIdentity, ExportInput, Published } from '../contracts/steps.ts';
import { PROGRESS_QUERY } from '../contracts/task-queues.ts';
import { inLanes } from './lanes.ts';
import { proxySteps, type Steps } from './steps.ts';
import { enterState, progressOf, type Story, tell } from './story.ts';
import { cancelledFailure, failureOf, unwrap, wasCancelled, workflowFailure } from './verdict.ts';

export const progressQuery = defineQuery<Progress>(PROGRESS_QUERY);

/** Parts of one export that are under way at once, over all workers. A count of activities. */
const PARTS_IN_FLIGHT = 16;

const MS_A_DAY = 86_400_000;

/** One run and all it needs. */
interface Run {
  readonly identity: ExportIdentity;
  readonly requestedAt: string;
  readonly steps: Steps;
  readonly story: Story;
  /** What lost attempts may be writing, by name of the object. */
  readonly attempted: Map<string, AttemptedObject>;
}

/**
 * One export, from the order to its outcome: plan, write the parts, publish the manifest. Whatever happens, the outcome
 * is recorded, and an export that did not complete leaves no object behind.
 *
 * Fails with an `ApplicationFailure` whose type is the failure's code; a cancelled one ends as cancelled, after its
 * clean-up.
 */
export async function exportDataset(input: ExportInput): Promise<Published> {
  const { workflowId, firstExecutionRunId: exportId } = workflowInfo();
  const run: Run = {
    identity: { exportId, workflowId, order: input.order },
    requestedAt: input.requestedAt,
    steps: proxySteps(input.order.tenant),
    story: { order: input.order, plan: null, parts: [], state: 'running', failure: null },
    attempted: new Map(),
  };
  setHandler(progressQuery, () => progressOf(run.story));
  tell(run.story);

  let published: Publication;
  try {
    published = await produce(run);
  } catch (error) {
    const cancelled = wasCancelled(error);
    const failure = cancelled ? cancelledFailure() : failureOf(error);
    await CancellationScope.nonCancellable(() => abandon(run, cancelled ? 'cancelled' : 'failed', failure));
    throw cancelled ? new CancelledFailure('The export was cancelled') : workflowFailure(failure);
  }
  await CancellationScope.nonCancellable(() => conclude(run, published));
  return published.sums;
}

/** What is there once the manifest is. */
interface Publication {
  readonly plan: Plan;
  readonly sums: Published;
  /** ISO 8601. */
  readonly expiresAt: string;
}

async function produce(run: Run): Promise<Publication> {
  const { identity, steps, story } = run;
  const [planned] = await Promise.all([
    steps.control.planExport(identity),
    steps.ledger.recordStart({ ...identity, requestedAt: run.requestedAt }),
  ]);
  const plan = unwrap(planned);
  story.plan = plan;
  tell(story);

  const parts = await writeParts(run, plan);
  const createdAt = new Date();
  const expiresAt = new Date(createdAt.getTime() + identity.order.keepDays * MS_A_DAY).toISOString();
  const sums = unwrap(
    await steps.control.publishExport({ ...identity, plan, parts, createdAt: createdAt.toISOString(), expiresAt }),
  );
  // A cancel that arrives while the manifest is being written still counts: no door has shown it yet.
  if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('Cancelled while publishing');
  return { plan, sums, expiresAt };
}

async function writeParts(run: Run, plan: Plan): Promise<readonly ManifestPart[]> {
  const written: ManifestPart[] = [];
  await inLanes(plan.parts, PARTS_IN_FLIGHT, async (part) => {
    const input = { ...run.identity, snapshotAt: plan.snapshotAt, part };
    const summary = `part ${part.index + 1} of ${plan.parts.length}: ${part.rows.toLocaleString('en')} rows`;
    const object = { stem: partStem(part.index, workflowInfo().runId), extension: fileExtension(run.identity.order) };
    run.attempted.set(object.stem, { ...object, attempts: ATTEMPTS_MAX });
    const result = unwrap(await run.steps.parts.writePart.executeWithOptions({ summary }, [input]));
    const earlier = earlierAttempts(result.name);
    if (earlier) run.attempted.set(object.stem, earlier);
    else run.attempted.delete(object.stem);
    written[part.index] = result;
    run.story.parts.push(result);
    tell(run.story);
  });
  return written;
}

async function conclude(run: Run, { plan, sums, expiresAt }: Publication): Promise<void> {
  enterState(run.story, 'completed');
  await run.steps.ledger.recordOutcome({
    exportId: run.identity.exportId,
    outcome: { state: 'completed', snapshotAt: plan.snapshotAt, parts: plan.parts.length, ...sums, expiresAt },
  });
}

async function abandon(run: Run, state: 'cancelled' | 'failed', failure: Failure): Promise<void> {
  const { exportId, workflowId, order } = run.identity;
  const { ledger, cleaning } = run.steps;
  run.story.failure = failure;
  // The order may not be recorded yet when the export was cancelled at once.
  await ledger.recordStart({ exportId, workflowId, order, requestedAt: run.requestedAt });
  // Without a plan nothing was written.
  const written = run.story.plan === null ? {} : { attempted: [...run.attempted.values()] };
  const remove = () => cleaning.removeExport({ exportId, tenant: order.tenant, ...written });
  const record = () => ledger.recordOutcome({ exportId, outcome: { state, failure } });
  // "Cancelled" promises that nothing is left; a failure is told at once, also while the object store is away.
  if (state === 'cancelled') {
    await remove();
    await record();
  } else {
    await Promise.all([record(), remove()]);
  }
  enterState(run.story, state);
}
