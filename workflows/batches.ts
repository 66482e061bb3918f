import { formatExtension } from '../contracts/order.ts';
import { PERIODIC_FORMATS } from '../contracts/periodic.ts';
import type { FileTask, PlannedFile } from '../contracts/periodic-steps.ts';

/** Objects that one step writes at the most. */
const TASKS_MAX = 18;
/** Rows from which a step takes no further file: a lost step costs no more than so many, or one file. */
const ROWS_MAX = 100_000;

/**
 * Shares the files out, the largest first, so that the run does not end with one lane at work. A large file has a step of
 * its own for each format; small ones share a step, because a step costs more than they do.
 */
export function batchesOf(files: readonly PlannedFile[]): readonly (readonly FileTask[])[] {
  const tasks = files.flatMap(({ file, dataset, rows, rowsHash }) =>
    PERIODIC_FORMATS.map((format): FileTask => ({ file, dataset, format, rows, rowsHash })),
  );
  tasks.sort((one, other) => other.rows - one.rows);
  const batches: FileTask[][] = [];
  let rows = Number.POSITIVE_INFINITY;
  for (const task of tasks) {
    let batch = batches.at(-1);
    if (!batch || batch.length === TASKS_MAX || rows + task.rows > ROWS_MAX) {
      batch = [];
      batches.push(batch);
      rows = 0;
    }
    batch.push(task);
    rows += task.rows;
  }
  return batches;
}

/** @returns what the Temporal UI shows of a step, such as `user.csv, user.json and 16 more: 1,200 rows`. */
export function batchSummary(tasks: readonly FileTask[]): string {
  const names = tasks.slice(0, 2).map(({ file, format }) => `${file}.${formatExtension(format)}`);
  const more = tasks.length > names.length ? ` and ${tasks.length - names.length} more` : '';
  const rows = tasks.reduce((sum, task) => sum + task.rows, 0);
  return `${names.join(', ')}${more}: ${rows.toLocaleString('en')} rows`;
}
