import { dividedName, formatExtension, isUncounted, type RunOrder } from '../contracts/order.ts';
import type { RunPlan, WriteTask } from '../contracts/steps.ts';

/** Maximum number of objects per step. */
const TASKS_MAX = 18;
/** Maximum number of rows per step with several objects: a lost step costs no more than this, or one object. */
const ROWS_MAX = 100_000;

/** The objects of one step. */
export type Batch = readonly WriteTask[];

/**
 * Divides the objects of a run into steps, the largest first, so that the run does not end with a single step at work. Small
 * files share a step, because a step costs more than they do; a part of a split file never shares one.
 */
export function batchesOf(order: RunOrder, plan: RunPlan): readonly Batch[] {
  const split: WriteTask[] = [];
  const whole: WriteTask[] = [];
  // The keys of a dataset are read before they are compared: what is deleted in between is then reported, if twice.
  const uncounted = new Map<string, WriteTask[]>();
  for (const [place, { name, formats, ...content }] of order.files.entries()) {
    const parts = plan.files[place]?.parts ?? [];
    const tasks = formats.flatMap((format) => parts.map((part) => ({ name, content: { ...content, format }, part })));
    if (isUncounted(content)) uncounted.set(content.dataset, [...(uncounted.get(content.dataset) ?? []), ...tasks]);
    else (parts.length > 1 && content.rowsPerFile === undefined ? split : whole).push(...tasks);
  }
  whole.sort((one, other) => other.part.rows - one.part.rows);
  const shared: WriteTask[][] = [];
  let rows = Number.POSITIVE_INFINITY;
  for (const task of whole) {
    let batch = shared.at(-1);
    if (!batch || batch.length === TASKS_MAX || rows + task.part.rows > ROWS_MAX) {
      batch = [];
      shared.push(batch);
      rows = 0;
    }
    batch.push(task);
    rows += task.part.rows;
  }
  return [...split.map((task) => [task]), ...uncounted.values(), ...shared];
}

/** @returns what the Temporal UI shows of a step, such as `user.csv, user.json and 16 more: 1,200 rows` */
export function batchSummary(batch: Batch, plan: RunPlan): string {
  const rows = `${batch.reduce((sum, { part }) => sum + part.rows, 0).toLocaleString('en')} rows`;
  const names = batch.slice(0, 2).map((task) => `${shownName(task)}.${formatExtension(task.content.format)}`);
  const [first] = batch;
  const [file] = plan.files;
  const isSplit = first?.content.rowsPerFile === undefined && plan.files.length === 1;
  if (first && file && isSplit && file.parts.length > 1) {
    return `${names.join()}, part ${first.part.index + 1} of ${file.parts.length}: ${rows}`;
  }
  const more = batch.length > names.length ? ` and ${batch.length - names.length} more` : '';
  return `${names.join(', ')}${more}: ${rows}`;
}

function shownName({ name, content, part }: WriteTask): string {
  return content.rowsPerFile === undefined ? name : dividedName(name, part.index);
}
