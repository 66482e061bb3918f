import { CancellationScope, CancelledFailure, log, setHandler, sleep, workflowInfo } from '@temporalio/workflow';
import { ATTEMPTS_MAX, type AttemptedObject, earlierAttempts, generationFileStem } from '../contracts/attempts.ts';
import { FAILURES, type Failure } from '../contracts/failures.ts';
import { formatExtension } from '../contracts/order.ts';
import type {
  Beginning,
  FileTask,
  GenerationIdentity,
  GenerationPlan,
  PeriodicInput,
  PeriodicResult,
  Switched,
  WrittenFile,
} from '../contracts/periodic-steps.ts';
import { batchesOf, batchSummary } from './batches.ts';
import { progressQuery } from './export-dataset.ts';
import {
  beginStory,
  enterGenerationState,
  type GenerationStory,
  generationProgress,
  tellGeneration,
} from './generation-story.ts';
import { inLanes } from './lanes.ts';
import { proxySteps, type Steps } from './steps.ts';
import { failureOf, StepFailure, unwrap, wasCancelled, workflowFailure } from './verdict.ts';

/** Steps of one run that write at once, over all workers. A count of activities. */
const STEPS_IN_FLIGHT = 16;

/** A source that changes while it is read is read again from a new snapshot, so often at the most. */
const ROUNDS_MAX = 3;
/** The wait before the next round, times the rounds that have been. */
const ROUND_PAUSE_MS = 20_000;

const STILL_CHANGING: Failure = {
  code: 'source_changed',
  message: 'The source changed while it was being read, again and again. The next run tries anew.',
};

const CANCELLED: Failure = {
  code: 'cancelled',
  message: 'The run was cancelled. What was published before stays as it is; the next run tries anew.',
};

/** One run and all it needs. */
interface Run {
  readonly identity: GenerationIdentity;
  readonly steps: Steps;
  readonly story: GenerationStory;
  /** Of the settings that it began with; `null` until then. */
  version: number | null;
  /** What lost attempts may be writing, by name of the object. */
  readonly attempted: Map<string, AttemptedObject>;
}

type Enabled = Extract<Beginning, { readonly enabled: true }>;

/**
 * All periodic files of a tenant, from one snapshot, as one generation: plan, write every file in every format, publish by
 * one switch. Whom to seal to is the ledger's to say when the run begins; when that has changed by the end, nothing is
 * published. A run that publishes nothing leaves no object behind, and the generation before stays what downloads get.
 *
 * Fails with an `ApplicationFailure` whose type is the failure's code; a cancelled one ends as cancelled, after its
 * clean-up.
 */
export async function periodicExport({ tenant }: PeriodicInput): Promise<PeriodicResult> {
  const { workflowId, firstExecutionRunId: generationId } = workflowInfo();
  const run: Run = {
    identity: { tenant, generationId, workflowId },
    steps: proxySteps(tenant),
    story: beginStory(tenant),
    version: null,
    attempted: new Map(),
  };
  setHandler(progressQuery, () => generationProgress(run.story));
  tellGeneration(run.story);
  let switched: Switched;
  try {
    const startedAt = new Date().toISOString();
    const beginning = await run.steps.ledger.beginGeneration({ ...run.identity, startedAt });
    run.version = beginning.version;
    if (!beginning.enabled) return await standDown(run);
    switched = await produce(run, beginning);
  } catch (error) {
    const cancelled = wasCancelled(error);
    const failure = cancelled ? CANCELLED : failureOf(error);
    await CancellationScope.nonCancellable(() => abandon(run, cancelled ? 'cancelled' : 'failed', failure));
    throw cancelled ? new CancelledFailure('The run was cancelled') : workflowFailure(failure);
  }
  // From the switch on there is nothing left to cancel.
  return CancellationScope.nonCancellable(() => (switched.published ? conclude(run, switched) : giveWay(run)));
}

/** The tenant's periodic exports are off: there should be no schedule any more. */
async function standDown(run: Run): Promise<PeriodicResult> {
  const { identity, steps, story } = run;
  story.ending = 'periodic exports are off: nothing to do';
  await passing('the schedule', steps.afterwards.syncPeriodicSchedule({ tenant: identity.tenant }));
  enterGenerationState(story, 'completed');
  await startMissedRun(run);
  return { outcome: 'off', rows: 0, bytes: 0 };
}

async function produce(run: Run, beginning: Enabled): Promise<Switched> {
  for (let round = 1; ; round += 1) {
    try {
      return await produceOnce(run, beginning, round);
    } catch (error) {
      if (!(error instanceof StepFailure) || error.failure.code !== 'source_changed') throw error;
      if (round === ROUNDS_MAX) throw new StepFailure(STILL_CHANGING);
      await sleep(ROUND_PAUSE_MS * round, { summary: 'the source changed: another round follows' });
      run.story.round = round + 1;
      run.story.plan = null;
      run.story.parts.length = 0;
      tellGeneration(run.story);
    }
  }
}

async function produceOnce(run: Run, beginning: Enabled, round: number): Promise<Switched> {
  const { identity, steps, story } = run;
  const { recipient, epoch } = beginning;
  const plan = unwrap(await steps.control.planGeneration({ tenant: identity.tenant, recipient }));
  story.plan = plan;
  tellGeneration(story);
  const written = await writeFiles(run, recipient, plan, round);
  const createdAt = new Date().toISOString();
  return unwrap(await steps.control.publishGeneration({ ...identity, recipient, epoch, plan, written, createdAt }));
}

async function writeFiles(
  { identity, steps, story, attempted }: Run,
  recipient: string,
  plan: GenerationPlan,
  round: number,
): Promise<readonly WrittenFile[]> {
  const written: WrittenFile[] = [];
  await inLanes(batchesOf(plan.files), STEPS_IN_FLIGHT, async (tasks) => {
    const input = { ...identity, recipient, snapshotAt: plan.snapshotAt, tasks, round };
    const options = { summary: batchSummary(tasks) };
    for (const task of tasks) attempted.set(...attemptedFile(task, round));
    const parts = unwrap(await steps.parts.writeFiles.executeWithOptions(options, [input]));
    for (const [index, task] of tasks.entries()) {
      const part = parts[index];
      if (!part) throw new RangeError('a file was not written');
      const [name] = attemptedFile(task, round);
      const earlier = earlierAttempts(part.name);
      if (earlier) attempted.set(name, earlier);
      else attempted.delete(name);
      written.push({ file: task.file, format: task.format, part });
      story.parts.push(part);
    }
    tellGeneration(story);
  });
  return written;
}

function attemptedFile({ file, format }: FileTask, round: number): readonly [string, AttemptedObject] {
  const stem = generationFileStem(file, workflowInfo().runId, round);
  // As every file of a generation: sealed, not compressed.
  const extension = `${formatExtension(format)}.age`;
  return [`${stem}.${extension}`, { stem, extension, attempts: ATTEMPTS_MAX }];
}

async function conclude(
  run: Run,
  { rows, bytes }: Extract<Switched, { readonly published: true }>,
): Promise<PeriodicResult> {
  run.story.ending = 'published: downloads are of this generation now';
  enterGenerationState(run.story, 'completed');
  await roundOff(run);
  return { outcome: 'published', rows, bytes };
}

/** The settings changed while the run was under way. */
async function giveWay(run: Run): Promise<PeriodicResult> {
  const { title, advice } = FAILURES.replaced;
  await abandon(run, 'cancelled', { code: 'replaced', message: `${title}. ${advice}` });
  return { outcome: 'replaced', rows: 0, bytes: 0 };
}

async function abandon(run: Run, state: 'cancelled' | 'failed', failure: Failure): Promise<void> {
  const { identity, steps, story } = run;
  const { tenant, generationId } = identity;
  story.failure = failure;
  tellGeneration(story);
  const end = () => steps.ledger.endGeneration({ ...identity, state, failure });
  // Without a plan nothing was written.
  const written = story.plan === null && run.attempted.size === 0 ? {} : { attempted: [...run.attempted.values()] };
  const remove = () => steps.cleaning.removeGenerationFiles({ tenant, generationId, ...written });
  // "Cancelled" promises that nothing is left; a failure is told at once, also while the object store is away.
  if (state === 'cancelled') {
    await remove();
    await end();
    await steps.ledger.recordGenerationRemoval(identity);
  } else {
    await end();
    await Promise.all([remove(), roundOff(run)]);
  }
  enterGenerationState(story, state);
  await startMissedRun(run);
}

/**
 * Sends the letters that are owed, and brings the schedule in line with what the deployment says by now. Neither changes
 * how the run ended: what fails here is made up for by the next run.
 */
async function roundOff({ identity, steps }: Pick<Run, 'identity' | 'steps'>): Promise<void> {
  await Promise.all([
    passing('letters', steps.afterwards.sendNotices(identity)),
    passing('the schedule', steps.afterwards.syncPeriodicSchedule({ tenant: identity.tenant })),
  ]);
}

/** Settings that changed while this run was under way may wait for a run that nobody else starts. */
async function startMissedRun({
  identity,
  steps,
  version,
}: Pick<Run, 'identity' | 'steps' | 'version'>): Promise<void> {
  await passing('a missed run', steps.afterwards.startMissedRun({ ...identity, version }));
}

async function passing(what: string, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    log.warn(`${what}: left to the next run`, { failure: failureOf(error).code });
  }
}
