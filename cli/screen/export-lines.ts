import { type ExportState, isActive } from '../../contracts/progress.ts';
import type { ExportView } from '../../contracts/views/on-demand.ts';
import { formatBytes, formatCount, formatNumberOf, formatTime } from './figures.ts';
import { exportLine, renderLine } from './progress.ts';
import { formatFields, formatTable, type Paint, plain, type Terminal } from './terminal.ts';

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
  const [head = '', ...lines] = formatTable(
    COLUMNS,
    views.map((view) => [
      view.exportId,
      plain(view.dataset),
      view.format,
      stateText(terminal, view) + (view.state === 'running' ? ` ${Math.floor(view.progress.percent)} %` : ''),
      view.manifest === null ? '' : formatCount(view.manifest.rows),
      view.manifest === null ? '' : formatBytes(view.manifest.bytes),
      `${shortTime(view.window.from)} … ${shortTime(view.window.to)}`,
      formatTime(view.requestedAt),
    ]),
  );
  return [terminal.paint('dim', head), ...lines];
}

export function detailLines(terminal: Terminal, view: ExportView): readonly string[] {
  const { manifest, failure, progress } = view;
  const fields: [string, string][] = [
    ['export', terminal.paint('bold', view.exportId)],
    ['dataset', plain(view.dataset)],
    ...Object.entries(view.parameters).map(([name, value]): [string, string] => [plain(name), plain(String(value))]),
    ['window', `${view.window.from} … ${view.window.to}`],
    ['format', [view.format, ...(view.compression === 'none' ? [] : [view.compression])].join(', ')],
    ...view.recipients.map((recipient): [string, string] => ['sealed to', shortRecipient(plain(recipient))]),
    ['state', stateText(terminal, view)],
    ...(failure === null ? [] : [['why', `${plain(failure.message)} (${failure.code})`] as [string, string]]),
    ['requested', `${formatTime(view.requestedAt)} UTC`],
    ...(view.endedAt === null ? [] : [['ended', `${formatTime(view.endedAt)} UTC`] as [string, string]]),
    ...(view.snapshotAt === null ? [] : [['read at', view.snapshotAt] as [string, string]]),
  ];
  if (manifest !== null) {
    fields.push(['file', plain(manifest.file)], ['rows', formatCount(manifest.rows)]);
    fields.push(['size', `${formatBytes(manifest.bytes)} in ${formatNumberOf(manifest.parts, 'part')}`]);
    fields.push(['content', formatBytes(manifest.contentBytes)]);
  }
  if (view.expiresAt !== null) fields.push(['kept until', `${formatTime(view.expiresAt)} UTC`]);
  if (isActive(view.state)) {
    const seconds = (Date.now() - Date.parse(view.requestedAt)) / 1000;
    fields.push(['progress', renderLine(exportLine('', progress, seconds), 80, (bar, rest) => bar + rest).trim()]);
  }
  return formatFields(fields).map((line) => line.replace(/^\S+(?: \S+)*/, (name) => terminal.paint('dim', name)));
}

/** One sentence for what came of an export, for standard error. */
export function endLine(terminal: Terminal, view: ExportView): string {
  if (view.manifest !== null && view.state === 'completed') {
    const { rows, bytes, parts } = view.manifest;
    const figures = [formatNumberOf(rows, 'row'), formatBytes(bytes), formatNumberOf(parts, 'part')].join(', ');
    return `${terminal.paintTold('green', '✓')} ${figures}, read at ${view.snapshotAt}`;
  }
  const why = view.failure === null ? '' : `: ${plain(view.failure.message)}`;
  return `${terminal.paintTold('red', '✗')} ${view.state}${why}`;
}

function stateText(terminal: Terminal, { state }: ExportView): string {
  return terminal.paint(STATE_PAINTS[state], state);
}

/** `2012-09-05`, with the time where it is not midnight. */
function shortTime(instant: string): string {
  return instant.slice(0, 10) + (/T00:00:00(\.0*)?Z$/.test(instant) ? '' : ` ${instant.slice(11, 16)}`);
}

/** Post-quantum recipients have 1,959 characters. */
export function shortRecipient(recipient: string): string {
  return recipient.length > 70 ? `${recipient.slice(0, 40)}…${recipient.slice(-8)}` : recipient;
}
