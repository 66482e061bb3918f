import { html } from 'hono/html';
import { FILE_TYPES, type FileType } from '../../../contracts/periodic.ts';
import type { Run } from '../../../stores/ledger/ports.ts';
import { button, choice } from '../components/field.ts';
import { counted, durationText, grouped, size, sizeText } from '../components/figures.ts';
import { icon } from '../components/icon.ts';
import { empty } from '../components/notice.ts';
import { facts, panel, panelBody } from '../components/panel.ts';
import { progressBar, type StateKind, state, sub } from '../components/state.ts';
import { BLANK, type Cell, type Column, table, tableRow } from '../components/table.ts';
import type { Times } from '../components/times.ts';
import { PORTAL_PATH } from '../environment.ts';
import type { Content, Markup } from '../shell/markup.ts';
import type { GenerationView, KnownPeriodic } from './known.ts';

export const PERIODIC_PATH = '/periodic';
export const PERIODIC_ADDRESS = `${PORTAL_PATH}${PERIODIC_PATH}`;
/** How each type is shown. */
const TYPE_NAMES: Readonly<Record<FileType, string>> = { csv: 'CSV', json: 'JSON' };

/** The files, whose sizes are the links. */
export function generationPanel(known: KnownPeriodic, times: Times): Markup {
  const head = { id: 'generation', title: 'Newest generation' };
  const { generation } = known;
  if (generation === undefined) return panel({ ...head, content: empty('No files yet', whenFirst(known, times)) });
  if (generation === 'unreadable') {
    const text = 'The store of files is restarting or busy. Your files are safe. Load the page again in a moment.';
    return panel({ ...head, content: empty('The list of files could not be read', text) });
  }
  const columns: readonly Column[] = [
    { title: 'File' },
    { title: 'Rows', isNumber: true },
    ...FILE_TYPES.map((type) => ({ title: TYPE_NAMES[type], isNumber: true })),
  ];
  const rows = generation.files.map((file) =>
    tableRow(columns, [
      { place: 'lead', content: file.file },
      { content: grouped(file.rows) },
      ...FILE_TYPES.map((type) => downloadCell(file.file, type, file[type].bytes)),
    ]),
  );
  return panel({
    ...head,
    about: html`Read at ${times.exact(new Date(generation.snapshotAt))}`,
    content: table({ caption: 'Files of the newest generation', columns, rows, staysTable: true }),
    foot: html`<span>${counted(rows.length, 'file')}. A size downloads the file, sealed.</span><span class="push row"><a href="${PERIODIC_ADDRESS}/manifest">Manifest</a><a href="${PERIODIC_ADDRESS}/signature">Signature</a></span>`,
  });
}

function whenFirst({ running, runs, standingOrder, nextRunAt }: KnownPeriodic, times: Times): Content {
  if (running) return 'The first run is under way. Its files appear here when all of them are stored.';
  if (!standingOrder?.enabled) return 'Nothing is kept.';
  if (runs.length === 0) return 'The first run begins in a moment.';
  return nextRunAt ? ['The next run begins ', times.next(nextRunAt), '.'] : 'The next run makes them.';
}

function downloadCell(file: string, type: FileType, bytes: number): Cell {
  const query = new URLSearchParams({ type, file });
  return {
    content: html`<a class="dl" href="${PERIODIC_ADDRESS}/download?${query}"><span class="vh">${file} as ${TYPE_NAMES[type]}, </span>${size(bytes)}</a>`,
  };
}

export function downloadPanel({ files }: GenerationView): Markup {
  const bytesOf = (type: FileType) => files.reduce((sum, file) => sum + file[type].bytes, 0);
  return panel({
    id: 'all',
    title: 'Download',
    content: html`<form class="panel__body" method="get" action="${PERIODIC_ADDRESS}/download">${choice({
      id: 'type',
      legend: 'Type',
      name: 'type',
      options: FILE_TYPES.map((value) => ({ value, label: TYPE_NAMES[value] })),
      chosen: 'csv',
    })}<div class="field">${button({
      label: [icon('lock'), `Download all ${files.length}, sealed`],
      look: 'primary',
      classes: 'btn--wide',
    })}<p class="hint">A zip of ${size(bytesOf('csv'))} as CSV, ${sizeText(bytesOf('json'))} as JSON. Open its files with <code>age</code> or <code>waybill open</code>.</p></div></form>`,
  });
}

/** The newest run that has ended, or what runs now. */
export function statusPanel(known: KnownPeriodic, times: Times, contacts: readonly string[]): Markup {
  const { standingOrder, schedule, nextRunAt, running, ended, progress, generation } = known;
  const enabled = standingOrder?.enabled ?? false;
  const shown = generation === 'unreadable' ? undefined : generation;
  return panel({
    id: 'status',
    title: 'Status',
    content: panelBody(
      facts([
        ...(running ? ([['Now', nowText(progress)]] as const) : []),
        ...(enabled ? ([['Next run', nextRunAt ? times.next(nextRunAt) : 'not known']] as const) : []),
        ['Runs', enabled ? `every day at ${schedule.at}, ${schedule.timeZone}` : 'none while disabled'],
        ['Last run', ended ? lastText(ended, times) : 'none yet'],
        ...(shown
          ? ([
              ['Files', grouped(shown.files.length)],
              ['Rows', grouped(shown.rows)],
              ['Size', [size(shown.bytes), ' sealed']],
            ] as const)
          : []),
        [
          'Sealed to',
          html`<code>${standingOrder?.recipient ?? ''}</code>${standingOrder?.ownRecipient ? html` <span class="quiet">your own</span>` : ''}`,
        ],
        ['Told on failure', contacts.length > 0 ? contacts.join(', ') : 'nobody: ask the operator to add a contact'],
      ]),
    ),
  });
}

function nowText(progress: KnownPeriodic['progress']): Content {
  if (!progress || progress.rowsTotal === null) {
    return [state('running', 'Running'), sub([progressBar(null, 'Progress of the run'), 'Counting rows'])];
  }
  const { percent, rowsDone, rowsTotal, partsDone, partsTotal } = progress;
  const words = `${percent}\u00A0% · ${grouped(rowsDone)} of about ${counted(rowsTotal, 'row')} · ${partsDone} of ${counted(partsTotal ?? 0, 'part')}`;
  return [state('running', 'Running'), sub([progressBar(percent, 'Progress of the run'), words])];
}

/** How the end of a run is shown. */
function outcomeOf({ state: ended, failure }: Run): readonly [StateKind, string] {
  if (ended === 'running' || ended === 'pending') return ['running', 'Running'];
  if (failure === null) return ['available', 'Published'];
  return ended === 'cancelled' ? ['expired', 'Cancelled'] : ['failed', 'Failed'];
}

function lastText(run: Run, times: Times): Content {
  const [kind, word] = outcomeOf(run);
  const { endedAt, failure } = run;
  const begun = run.startedAt ?? run.requestedAt;
  return [
    state(kind, word),
    endedAt
      ? html` <span class="quiet">${times.ago(endedAt)}, after ${durationText(endedAt.getTime() - begun.getTime())}</span>`
      : '',
    failure ? html`<br>${failure.message}` : '',
  ];
}

/** The newest runs. Only the newest generation has files: it replaces the one before. */
export function runsPanel({ runs, standingOrder }: KnownPeriodic, times: Times): Markup {
  const columns: readonly Column[] = [{ title: 'Began' }, { title: 'State' }, { title: 'Rows', isNumber: true }];
  const rows = runs.map((run) => {
    const [kind, word] = outcomeOf(run);
    const isReplaced = word === 'Published' && run.runId !== standingOrder?.currentRunId;
    const second = run.failure?.message ?? (isReplaced ? 'replaced since' : undefined);
    return tableRow(columns, [
      { place: 'lead', classes: 'nowrap', content: times.moment(run.startedAt ?? run.requestedAt) },
      { content: [state(kind, word), second === undefined ? '' : sub(second)] },
      run.rows === null ? BLANK : { content: grouped(run.rows) },
    ]);
  });
  return panel({
    id: 'runs',
    title: 'Last runs',
    content:
      rows.length === 0
        ? panelBody(html`<p class="note">There was no run yet.</p>`)
        : table({ caption: 'Last periodic runs', columns, rows, isFlat: true, staysTable: true }),
  });
}
