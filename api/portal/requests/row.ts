import { html } from 'hono/html';
import type { Catalog } from '../../../config/dataset.ts';
import type { Progress } from '../../../contracts/progress.ts';
import { explainFailure } from '../../../contracts/request-failures.ts';
import type { Request } from '../../requests/view.ts';
import { button, linkButton, postForm } from '../components/field.ts';
import { counted, grouped, size } from '../components/figures.ts';
import { icon } from '../components/icon.ts';
import { progressBar, type StateKind, state, sub } from '../components/state.ts';
import { BLANK, type Cell, type Column, tableRow } from '../components/table.ts';
import type { Times } from '../components/times.ts';
import type { Content, Markup } from '../shell/markup.ts';
import { daysInRow, FORMAT_NAMES, formatDetails, REQUESTS_PAGE, realmTitle, requestAddress } from './words.ts';

/** Id of the form that the boxes of the rows belong to. */
export const CHOSEN_FORM = 'chosen';

export const COLUMNS: readonly Column[] = [
  { title: 'Requested' },
  { title: 'State' },
  { title: 'Realm' },
  { title: 'Start – end' },
  { title: 'Format' },
  { title: 'Expires' },
  { title: 'Actions', isHidden: true },
];

export const STATES: Readonly<Record<Request['state'], StateKind>> = {
  Submitted: 'submitted',
  Available: 'available',
  Expired: 'expired',
  Failed: 'failed',
};

interface Shown {
  readonly catalog: Catalog;
  readonly times: Times;
  readonly csrf: string;
  readonly mayWrite: boolean;
}

/** A request in the list. @param progress `undefined`: it does not run */
export function requestRow(request: Request, progress: Progress | undefined, shown: Shown): Markup {
  const { id, realm, format, run } = request;
  const { catalog, times, mayWrite } = shown;
  const requested = html`<a href="${requestAddress(id)}">${times.moment(run.requestedAt)}</a>`;
  const box = html`<label class="pick"><input type="checkbox" name="id" value="${id}" form="${CHOSEN_FORM}"><span class="vh">Choose request ${id}</span></label>`;
  const cells: readonly Cell[] = [
    { place: 'lead-2', isHeader: true, classes: 'nowrap', content: [mayWrite ? box : '', requested] },
    { place: 'st', content: [state(STATES[request.state], request.state), sub(stateText(request, progress, times))] },
    { place: 'lead', isHeader: false, content: realmTitle(catalog, realm) },
    { classes: 'nowrap', content: daysInRow(request) },
    { content: [FORMAT_NAMES[format], ...formatDetails(request).map(sub)] },
    expiry(request, times),
    { place: 'acts', content: actions(request, shown) },
  ];
  return tableRow(COLUMNS, cells, `request-${id}`);
}

function expiry({ state: now, run }: Request, times: Times): Cell {
  if (run.expiresAt === null || (now !== 'Available' && now !== 'Expired')) return BLANK;
  return { classes: 'nowrap', content: now === 'Available' ? times.until(run.expiresAt) : times.day(run.expiresAt) };
}

/** What is to be known beside the state. */
export function stateText(request: Request, progress: Progress | undefined, times: Times): Content {
  const { id, run } = request;
  switch (request.state) {
    case 'Submitted':
      if (run.state === 'running') {
        const { percent, rowsDone, rowsTotal } = progress ?? { percent: 0, rowsDone: 0, rowsTotal: null };
        const words =
          rowsTotal === null
            ? 'Counting rows'
            : `${percent}\u00A0% · ${grouped(rowsDone)} of about ${counted(rowsTotal, 'row')}`;
        return [progressBar(rowsTotal === null ? null : percent, `Progress of request ${id}`), words];
      }
      return run.startsAt !== null && run.startsAt > times.now
        ? ['Starts ', times.due(run.startsAt)]
        : 'Waits for its turn';
    case 'Available':
      return [
        `${counted(run.rows ?? 0, 'row')} · `,
        size(run.contentBytes ?? 0),
        run.downloadedAt === null ? '' : ' · downloaded',
      ];
    case 'Expired':
      return 'File deleted';
    case 'Failed': {
      const { reason, advice } = explainFailure(run.failure);
      return `${reason} ${advice}`;
    }
  }
}

function actions(request: Request, { csrf, mayWrite }: Shown): Content {
  const { id, state: now, run } = request;
  const ofRequest = html`<span class="vh"> request ${id}</span>`;
  const verb = run.state === 'running' ? 'Cancel' : 'Delete';
  const remove = mayWrite
    ? linkButton(`${REQUESTS_PAGE}/delete?id=${id}`, {
        ...{ label: html`${verb}${ofRequest}`, look: 'quiet' as const, isSmall: true },
      })
    : '';
  switch (now) {
    case 'Submitted':
      return remove;
    case 'Available': {
      const label = html`${icon('down')}Download${ofRequest}`;
      return [linkButton(`${requestAddress(id)}/file`, { label, isSmall: true }), remove];
    }
    case 'Expired':
    case 'Failed': {
      if (!mayWrite) return '';
      const label = html`Resubmit${ofRequest}`;
      const again = button({ label, isSmall: true, busy: 'Requesting…' });
      return [postForm(`${requestAddress(id)}/again`, csrf, again), remove];
    }
  }
}
