import type { PeriodicView } from '../../contracts/views/periodic.ts';
import type { RunEnd } from '../http/watch.ts';
import { formatBytes, formatCount, formatNumberOf, formatRecipient, formatTime } from './figures.ts';
import { progressText } from './progress.ts';
import { type Field, fieldLines, type Paint, plain, type Terminal, tableLines } from './terminal.ts';

const COLUMNS = [
  { title: 'FILE' },
  { title: 'ROWS', align: 'right' },
  { title: 'CSV', align: 'right' },
  { title: 'JSON', align: 'right' },
] as const;

const STATE_PAINTS: Readonly<Record<string, Paint>> = { published: 'green', failed: 'red' };

/** A tenant's periodic exports: settings, runs, and the files that can be downloaded. */
export function periodicLines(terminal: Terminal, view: PeriodicView): readonly string[] {
  const fields = fieldLines(terminal, [...settingFields(terminal, view), ...runFields(terminal, view)]);
  if (view.generation === null || view.generation.files.length === 0) return fields;
  const rows = view.generation.files.map(({ file, rows, csv, json }) => [
    plain(file),
    formatCount(rows),
    formatBytes(csv.contentBytes),
    formatBytes(json.contentBytes),
  ]);
  return [...fields, '', ...tableLines(terminal, COLUMNS, rows)];
}

function settingFields(terminal: Terminal, view: PeriodicView): readonly Field[] {
  const { enabled, recipient, ownRecipient, schedule, nextRunAt } = view;
  const fields: Field[] = [['periodic', enabled ? terminal.paint('green', 'enabled') : 'disabled']];
  if (recipient !== null) {
    fields.push(['sealed to', `${formatRecipient(plain(recipient))}${ownRecipient ? ', your own' : ''}`]);
  }
  if (enabled) fields.push(['runs', `every day at ${plain(schedule.at)}, ${plain(schedule.timeZone)}`]);
  if (nextRunAt !== null) fields.push(['next run', `${formatTime(nextRunAt)} UTC`]);
  return fields;
}

function runFields(terminal: Terminal, { lastRun, running, failingSince, generation }: PeriodicView): readonly Field[] {
  const fields: Field[] = [];
  if (lastRun !== null) {
    const ended = lastRun.endedAt === null ? '' : `, ${formatTime(lastRun.endedAt)} UTC`;
    fields.push(['last run', terminal.paint(STATE_PAINTS[lastRun.state] ?? 'dim', lastRun.state) + ended]);
    if (lastRun.failure) fields.push(['why', `${plain(lastRun.failure.message)} (${lastRun.failure.code})`]);
  }
  if (failingSince !== null) fields.push(['failing since', `${formatTime(failingSince)} UTC`]);
  if (running !== null) {
    fields.push([
      'running',
      running.progress === null ? 'starting' : progressText(running.progress, running.startedAt),
    ]);
  }
  if (generation !== null) {
    fields.push(['generation', generation.generationId], ['read at', generation.snapshotAt]);
    fields.push(['holds', `${filesAndRows(generation)}; ${formatBytes(generation.bytes)} stored, CSV and JSON`]);
  }
  return fields;
}

function filesAndRows({ files, rows }: NonNullable<PeriodicView['generation']>): string {
  return `${formatNumberOf(files.length, 'file')}, ${formatNumberOf(rows, 'row')}`;
}

/** How a run ended, in one line for standard error. */
export function runEndLine(terminal: Terminal, view: PeriodicView, end: RunEnd): string {
  if (end === 'published' && view.generation !== null) {
    return `${terminal.paintLog('green', '✓')} ${filesAndRows(view.generation)}, read at ${view.generation.snapshotAt}`;
  }
  const failure = view.lastRun?.failure;
  const why = end === 'disabled' || !failure ? '' : `: ${plain(failure.message)}`;
  return `${terminal.paintLog('red', '✗')} ${end}${why}`;
}
