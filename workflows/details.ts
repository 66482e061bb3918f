import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { ExplainedFailure } from '../contracts/failures.ts';
import type { ManifestPart } from '../contracts/manifest.ts';
import { fileExtension, type RunOrder } from '../contracts/order.ts';
import type { Progress } from '../contracts/progress.ts';
import type { RunState } from '../contracts/run.ts';
import type { RunPlan } from '../contracts/steps.ts';

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
  readonly parts: ManifestPart[];
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
  const rowsDone = sum(parts, ({ rows }) => rows);
  const share = rowsTotal ? rowsDone / rowsTotal : partsTotal ? parts.length / partsTotal : 0;
  const completed = state === 'completed';
  return {
    percent: completed ? 100 : Math.min(99, Math.floor(share * 100)),
    rowsDone,
    rowsTotal,
    contentBytes: sum(parts, ({ contentBytes }) => contentBytes),
    storedBytes: sum(parts, ({ bytes }) => bytes),
    partsDone: parts.length,
    partsTotal,
    final: completed,
  };
}

/** Writes the current details of the run, Markdown that the Temporal UI shows above its history. */
export function showDetails(details: RunDetails): void {
  const { tenant, state, order, plan, round, missing, ending, failure } = details;
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
