import { type ExportState, isActive } from '../../contracts/progress.ts';
import type { ExportView } from '../../contracts/views/on-demand.ts';
import { formatBytes, formatCount, formatNumberOf, formatRecipient, formatTime } from './figures.ts';
import { progressText } from './progress.ts';
import { type Field, fieldLines, type Paint, plain, type Terminal, tableLines } from './terminal.ts';

const STATE_PAINTS: Readonly<Record<ExportState, Paint>> = {
  pending: 'yellow',
  running: 'cyan',
  completed: 'green',
  failed: 'red',
  cancelled: 'dim',
  expired: 'dim',
  deleted: 'dim',
};

const COLUMNS = [
  { title: 'EXPORT' },
  { title: 'DATASET' },
  { title: 'FORMAT' },
  { title: 'STATE' },
  { title: 'ROWS', align: 'right' },
  { title: 'SIZE', align: 'right' },
  { title: 'WINDOW' },
  { title: 'REQUESTED (UTC)' },
] as const;

export function listLines(terminal: Terminal, views: readonly ExportView[]): readonly string[] {
  const rows = views.map((view) => [
    view.exportId,
    plain(view.dataset),
    view.format,
    stateText(terminal, view) + (view.state === 'running' ? ` ${Math.floor(view.progress.percent)} %` : ''),
    view.manifest === null ? '' : formatCount(view.manifest.rows),
    view.manifest === null ? '' : formatBytes(view.manifest.bytes),
    `${shortTime(view.window.from)} … ${shortTime(view.window.to)}`,
    formatTime(view.requestedAt),
  ]);
  return tableLines(terminal, COLUMNS, rows);
}

export function detailLines(terminal: Terminal, view: ExportView): readonly string[] {
  const { manifest, failure } = view;
  const fields: Field[] = [
    ['export', terminal.paint('bold', view.exportId)],
    ['dataset', plain(view.dataset)],
  ];
  for (const [name, value] of Object.entries(view.parameters)) fields.push([plain(name), plain(String(value))]);
  fields.push(['window', `${view.window.from} … ${view.window.to}`]);
  fields.push(['format', view.compression === 'none' ? view.format : `${view.format}, ${view.compression}`]);
  for (const recipient of view.recipients) fields.push(['sealed to', formatRecipient(plain(recipient))]);
  fields.push(['state', stateText(terminal, view)]);
  if (failure !== null) fields.push(['why', `${plain(failure.message)} (${failure.code})`]);
  fields.push(['requested', `${formatTime(view.requestedAt)} UTC`]);
  if (view.endedAt !== null) fields.push(['ended', `${formatTime(view.endedAt)} UTC`]);
  if (view.snapshotAt !== null) fields.push(['read at', view.snapshotAt]);
  if (manifest !== null) {
    fields.push(['file', plain(manifest.file)], ['rows', formatCount(manifest.rows)]);
    fields.push(['size', `${formatBytes(manifest.bytes)} in ${piecesText(manifest)}`]);
    fields.push(['content', formatBytes(manifest.contentBytes)]);
  }
  if (view.expiresAt !== null) fields.push(['kept until', `${formatTime(view.expiresAt)} UTC`]);
  if (isActive(view.state)) fields.push(['progress', progressText(view.progress, view.requestedAt)]);
  return fieldLines(terminal, fields);
}

/** How an export ended, in one line for standard error. */
export function endLine(terminal: Terminal, view: ExportView): string {
  if (view.manifest !== null && view.state === 'completed') {
    const { rows, bytes } = view.manifest;
    const figures = [formatNumberOf(rows, 'row'), formatBytes(bytes), piecesText(view.manifest)].join(', ');
    return `${terminal.paintLog('green', '✓')} ${figures}, read at ${view.snapshotAt}`;
  }
  const why = view.failure === null ? '' : `: ${plain(view.failure.message)}`;
  return `${terminal.paintLog('red', '✗')} ${view.state}${why}`;
}

/** Several files, or the parts of the only one. */
function piecesText({ files, parts }: NonNullable<ExportView['manifest']>): string {
  return files > 1 ? formatNumberOf(files, 'file') : formatNumberOf(parts, 'part');
}

function stateText(terminal: Terminal, { state }: ExportView): string {
  return terminal.paint(STATE_PAINTS[state], state);
}

/** `2012-09-05`, with the time unless it is midnight. */
function shortTime(instant: string): string {
  return instant.slice(0, 10) + (/T00:00:00(\.0*)?Z$/.test(instant) ? '' : ` ${instant.slice(11, 16)}`);
}
