import type { PeriodicView } from '../../contracts/views/periodic.ts';
import type { RunEnd } from '../http/watch.ts';
import { shortRecipient } from './export-lines.ts';
import { formatBytes, formatCount, formatNumberOf, formatTime } from './figures.ts';
import { exportLine, renderLine } from './progress.ts';
import { formatFields, formatTable, type Paint, plain, type Terminal } from './terminal.ts';

const COLUMNS = [
  { title: 'FILE' },
  { title: 'ROWS', align: 'right' },
  { title: 'CSV', align: 'right' },
  { title: 'JSON', align: 'right' },
] as const;

const STATE_PAINTS: Readonly<Record<string, Paint>> = { published: 'green', failed: 'red' };

/** A page about a tenant's periodic exports: settings, runs, and the files that can be downloaded. */
export function periodicLines(terminal: Terminal, view: PeriodicView): readonly string[] {
  const fields = formatFields([...settingFields(terminal, view), ...runFields(terminal, view)]).map((line) =>
    line.replace(/^\S+(?: \S+)*/, (name) => terminal.paint('dim', name)),
  );
  if (view.generation === null || view.generation.files.length === 0) return fields;
  const [head = '', ...lines] = formatTable(
    COLUMNS,
    view.generation.files.map(({ file, rows, csv, json }) => [
      plain(file),
      formatCount(rows),
      formatBytes(csv.contentBytes),
      formatBytes(json.contentBytes),
    ]),
  );
  return [...fields, '', terminal.paint('dim', head), ...lines];
}

type Field = readonly [name: string, value: string];

function settingFields(terminal: Terminal, view: PeriodicView): readonly Field[] {
  const { enabled, recipient, ownRecipient, schedule, nextRunAt } = view;
  const fields: Field[] = [['periodic', enabled ? terminal.paint('green', 'enabled') : 'disabled']];
  if (recipient !== null) {
    fields.push(['sealed to', `${shortRecipient(plain(recipient))}${ownRecipient ? ', your own' : ''}`]);
  }
  if (enabled) fields.push(['runs', `every day at ${plain(schedule.at)}, ${plain(schedule.timeZone)}`]);
  if (nextRunAt !== null) fields.push(['next run', `${formatTime(nextRunAt)} UTC`]);
  return fields;
}

function runFields(terminal: Terminal, { lastRun, running, failingSince, generation }: PeriodicView) {
  const fields: Field[] = [];
  if (lastRun !== null) {
    const ended = lastRun.endedAt === null ? '' : `, ${formatTime(lastRun.endedAt)} UTC`;
    fields.push(['last run', terminal.paint(STATE_PAINTS[lastRun.state] ?? 'dim', lastRun.state) + ended]);
    if (lastRun.failure) fields.push(['why', `${plain(lastRun.failure.message)} (${lastRun.failure.code})`]);
  }
  if (failingSince !== null) fields.push(['failing since', `${formatTime(failingSince)} UTC`]);
  if (running !== null) {
    const seconds = (Date.now() - Date.parse(running.startedAt)) / 1000;
    const line =
      running.progress === null
        ? 'begins'
        : renderLine(exportLine('', running.progress, seconds), 80, (bar, rest) => bar + rest).trim();
    fields.push(['running', line]);
  }
  if (generation !== null) {
    const { files, rows, bytes } = generation;
    fields.push(['generation', generation.generationId], ['read at', generation.snapshotAt]);
    const figures = [formatNumberOf(files.length, 'file'), formatNumberOf(rows, 'row')];
    fields.push(['holds', `${figures.join(', ')}; ${formatBytes(bytes)} stored, CSV and JSON`]);
  }
  return fields;
}

/** One sentence for what came of a run, for standard error. */
export function runEndLine(terminal: Terminal, view: PeriodicView, end: RunEnd): string {
  if (end === 'published' && view.generation !== null) {
    const { files, rows, snapshotAt } = view.generation;
    const figures = [formatNumberOf(files.length, 'file'), formatNumberOf(rows, 'row')].join(', ');
    return `${terminal.paintTold('green', '✓')} ${figures}, read at ${snapshotAt}`;
  }
  const failure = view.lastRun?.failure;
  const why = end === 'disabled' || !failure ? '' : `: ${plain(failure.message)}`;
  return `${terminal.paintTold('red', '✗')} ${end}${why}`;
}
