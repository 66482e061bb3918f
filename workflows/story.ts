import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { Failure } from '../contracts/failures.ts';
import type { ManifestPart } from '../contracts/manifest.ts';
import { fileExtension, type Order } from '../contracts/order.ts';
import type { Plan } from '../contracts/plan.ts';
import type { ExportState, Progress } from '../contracts/progress.ts';

/** What a run knows of itself; the progress query and the details in the Temporal UI are told from it. */
export interface Story {
  readonly order: Order;
  plan: Plan | null;
  readonly parts: ManifestPart[];
  state: ExportState;
  failure: Failure | null;
}

const STATE = defineSearchAttributeKey('WaybillState', SearchAttributeType.KEYWORD);

/** Moves the story to a state, for the details and for the search attribute that ops filter by. */
export function enterState(story: Story, state: ExportState): void {
  story.state = state;
  showState(state);
  tell(story);
}

/** Sets the search attribute that ops filter by. */
export function showState(state: ExportState): void {
  upsertSearchAttributes([{ key: STATE, value: state }]);
}

/** Progress by what has finished; the parts under way report theirs in heartbeats, which a door adds. */
export function progressOf(story: Story): Progress {
  const rowsDone = sum(story.parts, (part) => part.rows);
  const rowsTotal = story.plan?.rows ?? null;
  const done = story.state === 'completed';
  const share = rowsTotal === null ? 0 : rowsTotal === 0 ? 99 : Math.floor((rowsDone / rowsTotal) * 100);
  return {
    percent: done ? 100 : Math.min(99, share),
    rowsDone,
    rowsTotal,
    contentBytes: sum(story.parts, (part) => part.contentBytes),
    storedBytes: sum(story.parts, (part) => part.bytes),
    partsDone: story.parts.length,
    partsTotal: story.plan?.parts.length ?? null,
    final: done,
  };
}

/** Writes the current details of the run, Markdown that the Temporal UI shows above its history. */
export function tell(story: Story): void {
  const { order, plan } = story;
  const progress = progressOf(story);
  const lines = [
    `**${order.dataset}** for **${order.tenant}** as \`${fileExtension(order)}\`: **${story.state}**`,
    '',
    `- window ${order.window.from} to ${order.window.to}${order.window.bounds === 'inclusive' ? ', both included' : ', end excluded'}`,
  ];
  if (plan) {
    lines.push(
      `- snapshot at ${plan.snapshotAt}`,
      `- ${progress.rowsDone.toLocaleString('en')} of ${plan.rows.toLocaleString('en')} rows in finished parts`,
      `- ${progress.partsDone} of ${plan.parts.length} parts, ${progress.storedBytes.toLocaleString('en')} bytes stored`,
    );
  }
  if (order.recipients.length > 0) lines.push(`- sealed to ${order.recipients.length} recipient(s)`);
  if (story.failure) lines.push(`- **${story.failure.code}**: ${story.failure.message}`);
  setCurrentDetails(lines.join('\n'));
}

function sum<Item>(items: readonly Item[], size: (item: Item) => number): number {
  return items.reduce((total, item) => total + size(item), 0);
}
