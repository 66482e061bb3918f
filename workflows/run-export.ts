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
  type FinalizeInput,
  priorityOf,
  type RequestInput,
  type RunEnd,
  type RunInput,
  type RunPlan,
  type RunResult,
  type WriteTask,
  type WrittenPart,
} from '../contracts/steps.ts';
import { PARTS_QUERY, PROGRESS_QUERY } from '../contracts/task-queues.ts';
import { describe, writeArchive } from './archive.ts';
import { type Batch, batchesOf, batchSummary } from './batches.ts';
import { withConcurrency } from './concurrency.ts';
import { newDetails, partsOf, progressOf, type RunDetails, setState, showDetails } from './details.ts';
import { failureOf, StepFailure, unwrap, wasCancelled, workflowFailure } from './failures.ts';
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

const MS_A_DAY = 86_400_000;

const STILL_CHANGING: Failure = {
  code: 'source_changed',
  message: 'The source kept changing while it was being read. The next run tries again.',
};
const REPLACED: Failure = { code: 'replaced', message: `${FAILURES.replaced.title}. ${FAILURES.replaced.advice}` };

const ARCHIVE_REPLACED: Failure = {
  code: 'replaced',
  message: `${FAILURES.replaced.title}. Start the archive again.`,
};

/** A run whose manifest is written. */
type Completion = Extract<RunEnd, { readonly state: 'completed' }>;

/**
 * Makes one run of an export, from the order to its outcome: begin, plan, write all objects, publish the manifest, record
 * the end. The end is always recorded, and a run that does not complete leaves no object behind.
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
  let completion: Completion | undefined;
  try {
    completion = await produce(run);
  } catch (error) {
    const cancelled = wasCancelled(error);
    const failure = cancelled ? cancelledFailure(run) : failureOf(error);
    await CancellationScope.nonCancellable(() => abandon(run, cancelled ? 'cancelled' : 'failed', failure));
    throw cancelled ? new CancelledFailure(failure.message) : workflowFailure(failure);
  }
  return CancellationScope.nonCancellable(() => (completion ? complete(run, completion) : skip(run)));
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
async function produce(run: Run): Promise<Completion | undefined> {
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

async function publish(
  { identity, steps, details }: Run,
  order: RunOrder,
  plan: RunPlan,
  written: readonly WrittenPart[],
): Promise<Completion> {
  const createdAt = new Date();
  const { keepDays, replaceAfterSeconds } = order.retention;
  const expiresAt =
    keepDays === undefined ? undefined : new Date(createdAt.getTime() + keepDays * MS_A_DAY).toISOString();
  const missing = [...details.missing].map(([dataset, { code, message }]) => ({ dataset, failure: { code, message } }));
  const times = { createdAt: createdAt.toISOString(), expiresAt: expiresAt ?? null };
  const input = { ...identity, order, plan, written, missing, ...times };
  const published = unwrap(await steps.publish(input));
  // A cancel that arrives while the manifest is being written still counts, because the run is not committed yet.
  if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('Cancelled while publishing');
  const files = order.files.filter(({ dataset }) => !details.missing.has(dataset));
  // Of a file that is divided, each part is a file.
  const counts = order.files.map(({ dataset, rowsPerFile }, place) =>
    details.missing.has(dataset) ? 0 : rowsPerFile === undefined ? 1 : (plan.files[place]?.parts.length ?? 1),
  );
  return {
    state: 'completed',
    snapshotAt: plan.snapshotAt,
    files: order.archive ? 1 : counts.reduce((sum, count) => sum + count, 0),
    parts: order.archive ? 1 : written.filter(({ name }) => files.some((file) => file.name === name)).length,
    ...published,
    retention: { ...(expiresAt && { expiresAt }), ...(replaceAfterSeconds !== undefined && { replaceAfterSeconds }) },
    ...(order.delivery && { missing, datasetRows: rowsByDataset(order, plan, details) }),
  };
}

/** @returns rows of the files that hold all rows of a dataset, by its name */
function rowsByDataset(order: RunOrder, plan: RunPlan, { missing }: RunDetails): Readonly<Record<string, number>> {
  const counts = order.files.flatMap(({ dataset, rows }, place) =>
    rows === undefined && !missing.has(dataset) ? [[dataset, plan.files[place]?.rows ?? 0] as const] : [],
  );
  return Object.fromEntries(counts);
}

/** Commits the run, or gives way if the standing order has changed meanwhile. */
async function complete(run: Run, end: Completion): Promise<RunResult> {
  const { identity, steps, details } = run;
  const { recorded } = await steps.end({ ...identity, end });
  if (!recorded) {
    details.ending = 'the settings changed: nothing was published';
    // Whoever started an archive waits for it, and no other run follows.
    if (details.order?.archive) await abandon(run, 'failed', ARCHIVE_REPLACED);
    else await abandon(run, 'cancelled', REPLACED);
    return { outcome: 'replaced', rows: 0, bytes: 0 };
  }
  setState(details, 'completed');
  await finalize(run, 'published');
  return { outcome: 'published', rows: end.rows, bytes: end.bytes };
}

/** There is nothing to do. */
async function skip(run: Run): Promise<RunResult> {
  run.details.ending = 'off, or ended before it began: nothing to do';
  setState(run.details, 'completed');
  await finalize(run, 'off');
  return { outcome: 'off', rows: 0, bytes: 0 };
}

/** Removes what the run wrote and records that it ended without a result. */
async function abandon(run: Run, state: 'cancelled' | 'failed', explained: ExplainedFailure): Promise<void> {
  const { identity, input, steps, details, attempted } = run;
  const { cause: _, ...failure } = explained;
  details.failure = explained;
  showDetails(details);
  // An order that was cancelled at once may not be recorded yet. A request does not wait for its turn only for that.
  if (!run.begun && 'order' in input) await ('request' in input ? steps.enqueue(beginInput(run)) : begin(run));
  const remove = () => steps.remove({ ...identity, attempted: [...attempted.values()] });
  const end = (removed: boolean) => steps.end({ ...identity, end: { state, failure, removed } });
  // "Cancelled" promises that nothing is left; a failure is recorded at once, even while the object store is away.
  if (state === 'cancelled') {
    await remove();
    await end(true);
    setState(details, state);
    await finalize(run, failure.code === 'replaced' ? 'replaced' : state);
  } else {
    await end(false);
    setState(details, state);
    await Promise.all([remove(), finalize(run, state)]);
  }
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
