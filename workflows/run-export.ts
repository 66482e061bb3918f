import {
  CancellationScope,
  CancelledFailure,
  condition,
  defineQuery,
  defineSignal,
  log,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { objectStem } from '../contracts/attempts.ts';
import { type ExplainedFailure, FAILURES, type Failure } from '../contracts/failures.ts';
import { fileExtension, type Order, orderedRun, type RunOrder } from '../contracts/order.ts';
import type { PlannedParts, Progress } from '../contracts/progress.ts';
import { RELEASE_SIGNAL } from '../contracts/requests.ts';
import { CANCELLED_RUN } from '../contracts/run.ts';
import {
  type BeginInput,
  type BeginResult,
  type EndResult,
  type FinalizeInput,
  priorityOf,
  type RequestInput,
  type RunInput,
  type RunPlan,
  type RunResult,
  type Totals,
  type WriteTask,
  type WrittenPart,
} from '../contracts/steps.ts';
import { PARTS_QUERY, PROGRESS_QUERY } from '../contracts/task-queues.ts';
import { describe, writeArchive } from './archive.ts';
import { type Batch, batchesOf, batchSummary } from './batches.ts';
import { withConcurrency } from './concurrency.ts';
import { newDetails, partsOf, progressOf, setState, showDetails } from './details.ts';
import { failureOf, StepFailure, unwrap, wasCancelled, workflowFailure } from './failures.ts';
import { type PublishedRun, publish } from './publish.ts';
import { noteAttempted, noteWritten, type Run, type StoredObject } from './run.ts';
import { proxySteps } from './steps.ts';

/** Ends the wait of a request for its batch. */
const releaseSignal = defineSignal(RELEASE_SIGNAL);

export const progressQuery = defineQuery<Progress>(PROGRESS_QUERY);
const partsQuery = defineQuery<PlannedParts | null>(PARTS_QUERY);

/** Steps of one run that write at once, over all workers. */
const STEPS_MAX = 16;

/** Pause before another round, times the number of rounds so far. Milliseconds. */
const ROUND_PAUSE_MS = 20_000;

const STILL_CHANGING: Failure = {
  code: 'source_changed',
  message: 'The source kept changing while it was being read. The next run tries again.',
};
const REPLACED: Failure = { code: 'replaced', message: `${FAILURES.replaced.title}. ${FAILURES.replaced.advice}` };

const ARCHIVE_REPLACED: Failure = {
  code: 'replaced',
  message: `${FAILURES.replaced.title}. Start the archive again.`,
};

/**
 * Makes one run of an export, from the order to its outcome: begin, plan, write all objects, publish the manifest and commit.
 * The end is always recorded, and a run that does not complete leaves no object behind.
 *
 * Fails with an `ApplicationFailure` whose type is the failure's code; a cancelled run ends as cancelled, after its
 * clean-up.
 */
export async function runExport(input: RunInput): Promise<RunResult> {
  const run = newRun(input);
  setHandler(progressQuery, () => progressOf(run.details));
  setHandler(partsQuery, () => partsOf(run.details));
  setHandler(releaseSignal, () => {
    run.released = true;
  });
  showDetails(run.details);
  let published: PublishedRun | undefined;
  try {
    published = await produce(run);
  } catch (error) {
    const cancelled = wasCancelled(error);
    const failure = cancelled ? cancelledFailure(run) : failureOf(error);
    const { committed } = await CancellationScope.nonCancellable(() =>
      abandon(run, cancelled ? 'cancelled' : 'failed', failure),
    );
    // By an attempt at publishing whose answer was lost, so it is too late to fail or to be cancelled.
    if (committed) return CancellationScope.nonCancellable(() => finish(run, committed));
    throw cancelled ? new CancelledFailure(failure.message) : workflowFailure(failure);
  }
  return CancellationScope.nonCancellable(() => (published ? complete(run, published) : skip(run)));
}

function newRun(input: RunInput): Run {
  const { workflowId, firstExecutionRunId: runId, startTime } = workflowInfo();
  const tenant = 'order' in input ? input.order.tenant : input.tenant;
  return {
    identity: { runId, workflowId, kind: input.kind, tenant },
    input,
    requestedAt: 'order' in input ? input.requestedAt : startTime.toISOString(),
    steps: proxySteps(tenant, priorityOf(input)),
    details: newDetails(tenant),
    released: false,
    begun: null,
    attempted: new Map(),
  };
}

/** @returns `undefined` if there is nothing to do */
async function produce(run: Run): Promise<PublishedRun | undefined> {
  if ('request' in run.input && !(await waitForBatch(run, run.input.request))) return undefined;
  const beginning = begin(run);
  // An order on demand is known before the run is recorded, so both take place at once. A request waits for its turn.
  const known = knownOrder(run.input);
  const begun = known ? orderedRun(known) : (await beginning).order;
  const order = begun && (await describe(run, begun));
  if (!order) return undefined;
  run.details.order = order;
  await settle(run);
  if (order.files.length === 0) throw nothingLeft(run);
  for (let round = 1; ; round += 1) {
    try {
      const [{ order: wanted }, planned] = await Promise.all([beginning, run.steps.plan({ ...run.identity, order })]);
      if (!wanted) return undefined;
      const plan = unwrap(planned);
      noteFailedPlans(run, order, plan);
      run.details.plan = plan;
      showDetails(run.details);
      const written = order.archive
        ? [await writeArchive(run, order, order.archive, plan, round)]
        : await write(run, order, plan, round);
      if (order.files.every(({ dataset }) => run.details.missing.has(dataset))) throw nothingLeft(run);
      return await publish(run, order, plan, written);
    } catch (error) {
      if (!(error instanceof StepFailure) || error.failure.code !== 'source_changed') throw error;
      if (round >= order.roundsMax) throw round === 1 ? error : new StepFailure(STILL_CHANGING);
      await sleep(ROUND_PAUSE_MS * round, { summary: 'the source changed: another round follows' });
      Object.assign(run.details, { round: round + 1, plan: null });
      run.details.parts.length = 0;
      showDetails(run.details);
    }
  }
}

/** @returns the order of a run that need not be recorded first; `undefined` for a request, an archive, and a standing order */
function knownOrder(input: RunInput): Order | undefined {
  return 'order' in input && !('request' in input) && !('questionnaire' in input.order) ? input.order : undefined;
}

/** @returns whether the run is still wanted */
async function waitForBatch(run: Run, { startsAt }: RequestInput): Promise<boolean> {
  if (startsAt === null) return true;
  const { recorded } = await run.steps.enqueue(beginInput(run));
  if (!recorded) return false;
  const ms = Date.parse(startsAt) - Date.now();
  if (ms > 0 && !run.released) {
    run.details.ending = `waiting for the batch at ${startsAt}; the signal "${RELEASE_SIGNAL}" ends the wait`;
    setState(run.details, 'pending');
    await condition(() => run.released, ms);
    run.details.ending = null;
    setState(run.details, 'running');
  }
  return true;
}

function beginInput({ identity, input, requestedAt }: Run): BeginInput {
  const asked = 'order' in input ? undefined : input.asked;
  const order = 'order' in input ? input.order : null;
  const request = 'request' in input ? input.request : undefined;
  return { ...identity, order, requestedAt, ...(asked && { asked }), ...(request && { request }) };
}

async function begin(run: Run): Promise<BeginResult> {
  run.begun = await run.steps.begin(beginInput(run));
  for (const { dataset, failure } of run.begun.missing ?? []) run.details.missing.set(dataset, failure);
  return run.begun;
}

/** Waits until what was changed before the end of the window can have been committed. */
async function settle({ begun, details }: Run): Promise<void> {
  const ms = Date.parse(begun?.readAfter ?? '') - Date.now();
  if (!(ms > 0)) return;
  details.ending = `waiting until ${begun?.readAfter} for rows that are committed late`;
  showDetails(details);
  await sleep(ms, { summary: 'rows may be committed late' });
  details.ending = null;
}

function noteFailedPlans({ details }: Run, order: RunOrder, plan: RunPlan): void {
  for (const [place, { dataset }] of order.files.entries()) {
    const failure = plan.files[place]?.failure;
    if (failure) details.missing.set(dataset, failure);
  }
}

/** Every dataset is missing. */
function nothingLeft({ details }: Run): StepFailure {
  const [failure] = details.missing.values();
  return new StepFailure(failure ?? { code: 'internal', message: `${FAILURES.internal.title}.` });
}

async function write(run: Run, order: RunOrder, plan: RunPlan, round: number): Promise<readonly WrittenPart[]> {
  const { identity, steps, details } = run;
  const { recipients } = order;
  const { snapshotAt, warehouseKey } = plan;
  const written: WrittenPart[] = [];
  async function writeBatch(tasks: Batch): Promise<void> {
    const objects = tasks.map((task) => objectOf(task, recipients, round));
    for (const object of objects) noteAttempted(run, object);
    const key = warehouseKey === undefined ? {} : { warehouseKey };
    const input = { ...identity, recipients, snapshotAt, ...key, round, tasks };
    const parts = unwrap(await steps.write.executeWithOptions({ summary: batchSummary(tasks, plan) }, [input]));
    for (const [place, { name, content, part: planned }] of tasks.entries()) {
      const [part, object] = [parts[place], objects[place]];
      if (!part || !object) throw new RangeError('a part was not written');
      noteWritten(run, object, part.name);
      const done = { name, format: content.format, index: planned.index, part };
      written.push(done);
      details.parts.push(done);
    }
    showDetails(details);
  }
  await withConcurrency(batchesOf(order, plan), STEPS_MAX, (tasks) => skipFailed(run, order, round, tasks, writeBatch));
  return written;
}

/** Writes a batch. If it fails finally and files may be skipped, its objects are written one by one to find what fails. */
async function skipFailed(
  run: Run,
  order: RunOrder,
  round: number,
  tasks: Batch,
  write: (tasks: Batch) => Promise<void>,
): Promise<void> {
  const { details } = run;
  const wanted = tasks.filter(({ content }) => !details.missing.has(content.dataset));
  const [first, ...others] = wanted;
  if (!first) return;
  try {
    await write(wanted);
  } catch (error) {
    if (!(error instanceof StepFailure)) throw error;
    // Another snapshot may cure it.
    if (error.failure.code === 'source_changed' && round < order.roundsMax) throw error;
    if (others.length === 0 && maySkip(order, first)) details.missing.set(first.content.dataset, error.failure);
    else if (others.length === 0 || !wanted.some((task) => maySkip(order, task))) throw error;
    else for (const task of wanted) await skipFailed(run, order, round, [task], write);
  }
}

function maySkip({ files }: RunOrder, { name }: WriteTask): boolean {
  return files.find((file) => file.name === name)?.onFailure === 'skip';
}

function objectOf({ name, content, part }: WriteTask, recipients: readonly string[], round: number): StoredObject {
  const stem = objectStem(name, part.index, workflowInfo().runId, round);
  return { stem, extension: fileExtension({ ...content, recipients }) };
}

/** Commits the run unless that has been done, or gives way if the standing order has changed meanwhile. */
async function complete(run: Run, { recorded, ...published }: PublishedRun): Promise<RunResult> {
  const { identity, steps, details } = run;
  const end = { ...published, state: 'completed' } as const;
  if (!(recorded ?? (await steps.end({ ...identity, end })).recorded)) {
    details.ending = 'the settings changed: nothing was published';
    // Whoever started an archive waits for it, and no other run follows.
    if (details.order?.archive) await abandon(run, 'failed', ARCHIVE_REPLACED);
    else await abandon(run, 'cancelled', REPLACED);
    return { outcome: 'replaced', rows: 0, bytes: 0 };
  }
  return finish(run, published);
}

/** The run is committed. */
async function finish(run: Run, { rows, bytes }: Pick<Totals, 'rows' | 'bytes'>): Promise<RunResult> {
  setState(run.details, 'completed');
  await finalize(run, 'published');
  return { outcome: 'published', rows, bytes };
}

/** There is nothing to do. */
async function skip(run: Run): Promise<RunResult> {
  run.details.ending = 'off, or ended before it began: nothing to do';
  setState(run.details, 'completed');
  await finalize(run, 'off');
  return { outcome: 'off', rows: 0, bytes: 0 };
}

/** Removes what the run wrote and records that it ended without a result, unless it has been committed. */
async function abandon(run: Run, state: 'cancelled' | 'failed', explained: ExplainedFailure): Promise<EndResult> {
  const { identity, input, steps, details, attempted } = run;
  const { cause: _, ...failure } = explained;
  details.failure = explained;
  showDetails(details);
  // An order that was cancelled at once may not be recorded yet. A request does not wait for its turn only for that.
  if (!run.begun && 'order' in input) await ('request' in input ? steps.enqueue(beginInput(run)) : begin(run));
  const remove = () => steps.remove({ ...identity, attempted: [...attempted.values()] });
  const end = (removed: boolean) => steps.end({ ...identity, end: { state, failure, removed } });
  // "Cancelled" promises that nothing is left; a failure is recorded at once, even while the object store is away.
  const isCancelled = state === 'cancelled';
  if (isCancelled) await remove();
  const ended = await end(isCancelled);
  if (ended.committed) {
    details.failure = null;
    return ended;
  }
  setState(details, state);
  const outcome = isCancelled && failure.code === 'replaced' ? 'replaced' : state;
  await Promise.all([isCancelled ? undefined : remove(), finalize(run, outcome)]);
  return ended;
}

/** Sends notices, synchronizes the schedule and starts a missed run. Best effort: it does not change how the run ended. */
async function finalize({ identity, input, begun, steps, details }: Run, outcome: FinalizeInput['outcome']) {
  // Nothing follows from an order on demand.
  if ('order' in input && !('request' in input)) return;
  try {
    if ('request' in input) {
      const cause = details.failure?.cause;
      if (outcome === 'published' || outcome === 'failed') {
        await steps.notify({ ...identity, ...(cause !== undefined && { cause }) });
      }
    } else await steps.finalize({ ...identity, outcome, version: begun?.version ?? null });
  } catch (error) {
    log.warn('the run could not be finalized; the next one makes up for it', { failure: failureOf(error).code });
  }
}

function cancelledFailure({ input }: Run): Failure {
  return { code: 'cancelled', message: CANCELLED_RUN['order' in input ? 'own' : 'standing'] };
}
