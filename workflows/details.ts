import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { objectStem } from '../contracts/attempts.ts';
import type { ExplainedFailure } from '../contracts/failures.ts';
import { fileExtension, type RunOrder } from '../contracts/order.ts';
import { PARTS_TOLD_MAX, type PlannedParts, type Progress } from '../contracts/progress.ts';
import type { RunState } from '../contracts/run.ts';
import type { RunPlan, WrittenPart } from '../contracts/steps.ts';

/** Run state behind the progress query and the details in the Temporal UI. */
export interface RunDetails {
  readonly tenant: string;
  state: RunState;
  /** `null` until the run has begun. */
  order: RunOrder | null;
  plan: RunPlan | null;
  /** Counts from 1. */
  round: number;
  /** Finished in this round. */
  readonly parts: WrittenPart[];
  /** Why the run does without some datasets, by name. */
  readonly missing: Map<string, ExplainedFailure>;
  /** One line about what the run waits for or how it ended, if its state does not say it. */
  ending: string | null;
  failure: ExplainedFailure | null;
}

export function newDetails(tenant: string): RunDetails {
  const nothing = { order: null, plan: null, ending: null, failure: null };
  return { tenant, state: 'running', ...nothing, round: 1, parts: [], missing: new Map() };
}

/** Written parts that are told before the first that is not. */
const PARTS_BEFORE = 10;

const STATE = defineSearchAttributeKey('WaybillState', SearchAttributeType.KEYWORD);

/** Sets the state in the details and in the search attribute that ops filter by. */
export function setState(details: RunDetails, state: RunState): void {
  details.state = state;
  upsertSearchAttributes([{ key: STATE, value: state }]);
  showDetails(details);
}

/**
 * Progress by what has finished; running steps report theirs in heartbeats, which the API adds. The rows of a file count
 * once for each of its formats.
 */
export function progressOf({ order, plan, parts, state }: RunDetails): Progress {
  const total = (count: (place: number) => number) =>
    order && plan && sum([...order.files.entries()], ([place, { formats }]) => formats.length * count(place));
  const rowsTotal = total((place) => plan?.files[place]?.rows ?? 0);
  const partsTotal = order?.archive && plan ? 1 : total((place) => plan?.files[place]?.parts.length ?? 0);
  const rowsDone = sum(parts, ({ part }) => part.rows);
  const share = rowsTotal ? rowsDone / rowsTotal : partsTotal ? parts.length / partsTotal : 0;
  const completed = state === 'completed';
  return {
    percent: completed ? 100 : Math.min(99, Math.floor(share * 100)),
    rowsDone,
    rowsTotal,
    contentBytes: sum(parts, ({ part }) => part.contentBytes),
    storedBytes: sum(parts, ({ part }) => part.bytes),
    partsDone: parts.length,
    partsTotal,
    final: completed,
  };
}

/** The parts of all files in order, a few before the first that is not written, and those that follow. `null`: no plan yet. */
export function partsOf({ order, plan, parts, round }: RunDetails): PlannedParts | null {
  // The tables of an archive are no parts.
  if (!order || !plan || order.archive) return null;
  const written = new Map(parts.map((done) => [`${done.name}.${done.format}.${done.index}`, done.part]));
  const { runId } = workflowInfo();
  const all = order.files.flatMap(({ name, formats }, place) =>
    formats.flatMap((format) =>
      (plan.files[place]?.parts ?? []).map(({ index, rows }) => {
        const done = written.get(`${name}.${format}.${index}`);
        return { stem: objectStem(name, index, runId, round), rows, done };
      }),
    ),
  );
  const next = all.findIndex(({ done }) => !done);
  const first = Math.max(0, Math.min((next < 0 ? all.length : next) - PARTS_BEFORE, all.length - PARTS_TOLD_MAX));
  const told = all.slice(first, first + PARTS_TOLD_MAX).map(({ stem, rows, done }, offset) => ({
    ...{ place: first + offset, stem, rows, storedBytes: done?.bytes ?? 0 },
    state: done ? ('written' as const) : ('waiting' as const),
  }));
  return { total: all.length, written: parts.length, parts: told };
}

/** Writes the current details of the run, Markdown that the Temporal UI shows above its history. */
export function showDetails(details: RunDetails): void {
  const { tenant, state, order, plan, round, parts, missing, ending, failure } = details;
  const [file, ...others] = order?.files ?? [];
  const lines = [`**${titleOf(order)}** for **${tenant}**: **${state}**`, ''];
  if (file?.window && others.length === 0) {
    const { from, to, bounds } = file.window;
    lines.push(
      `- window ${from ?? 'from the beginning'} to ${to}${bounds === 'inclusive' ? ', both included' : ', end excluded'}`,
    );
  }
  if (order && plan) {
    const { rowsDone, rowsTotal, partsDone, partsTotal, storedBytes } = progressOf(details);
    lines.push(
      `- snapshot at ${plan.snapshotAt}`,
      `- ${number(rowsDone)} of ${number(rowsTotal)} rows in finished parts`,
      `- ${number(partsDone)} of ${number(partsTotal)} parts, ${number(storedBytes)} bytes stored`,
    );
  }
  if (order && order.recipients.length > 0) lines.push(`- sealed to ${order.recipients.length} recipient(s)`);
  if (parts.some(({ encryption }) => encryption)) lines.push('- entries are encrypted with the password of archives');
  if (round > 1) lines.push(`- round ${round}: the source had changed while it was being read`);
  if (ending) lines.push(`- ${ending}`);
  for (const [dataset, { code, message }] of missing) lines.push(`- without ${dataset}: **${code}**: ${message}`);
  if (failure) lines.push(`- **${failure.code}**: ${failure.message}`);
  if (failure?.cause !== undefined) lines.push(`- **cause**: ${failure.cause}`);
  setCurrentDetails(lines.join('\n'));
}

/** Such as `NETWORKS as csv.zst.age`, or `periodic, 36 files`. */
function titleOf(order: RunOrder | null): string {
  const [file, ...others] = order?.files ?? [];
  if (!order || !file) return 'Export';
  if (order.archive) return `${order.archive.name}, ${order.files.length} tables`;
  if (others.length > 0) return `${order.subject}, ${order.files.length} files`;
  const { compression, formats } = file;
  const extensions = formats.map((format) => fileExtension({ format, compression, recipients: order.recipients }));
  return `${order.subject} as ${extensions.join(' and ')}`;
}

function number(count: number | null): string {
  return (count ?? 0).toLocaleString('en');
}

function sum<Item>(items: readonly Item[], size: (item: Item) => number): number {
  return items.reduce((total, item) => total + size(item), 0);
}
