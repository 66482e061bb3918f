import { html } from 'hono/html';
import type { Catalog } from '../../../config/dataset.ts';
import type { Progress } from '../../../contracts/progress.ts';
import { REQUEST_STATES, type RequestState } from '../../../contracts/requests.ts';
import type { RequestCounts, Requests } from '../../requests/request.ts';
import type { Request } from '../../requests/view.ts';
import { linkButton } from '../components/field.ts';
import { counted, grouped } from '../components/figures.ts';
import { empty } from '../components/notice.ts';
import { liveMark, panel } from '../components/panel.ts';
import { pills } from '../components/pills.ts';
import { table } from '../components/table.ts';
import { mayWrite, type PortalContext } from '../environment.ts';
import type { Frame } from '../live/stream.ts';
import type { Content, Markup } from '../shell/markup.ts';
import type { PortalDeps } from '../tab.ts';
import { CHOSEN_FORM, COLUMNS, requestRow } from './row.ts';
import { REQUESTS_PAGE } from './words.ts';

const ON_PAGE = 20;
const PANEL = 'requests';

/** Which requests a page lists: what its address says. */
export interface ListChoice {
  /** `undefined`: all. */
  readonly state: RequestState | undefined;
  /** Only those with a smaller number; `null`: from the newest. */
  readonly before: number | null;
}

export function readChoice(query: Readonly<Record<string, string>>): ListChoice {
  const { state, before } = query;
  return {
    state: REQUEST_STATES.find((name) => name.toLowerCase() === state),
    before: /^[1-9]\d{0,14}$/.test(before ?? '') ? Number(before) : null,
  };
}

/** A page of the tenant's requests. */
export interface RequestList extends ListChoice {
  readonly requests: readonly Request[];
  readonly next: number | null;
  readonly counts: RequestCounts;
  /** By run id, of those that run. */
  readonly progress: ReadonlyMap<string, Progress>;
}

export async function readList(
  c: PortalContext,
  { runs }: Pick<PortalDeps, 'runs'>,
  requests: Requests,
  choice: ListChoice,
): Promise<RequestList> {
  const caller = c.get('caller');
  const [page, counts] = await Promise.all([
    requests.list(caller, { ...choice, limit: ON_PAGE }),
    requests.count(caller),
  ]);
  const running = page.requests.filter(({ run }) => run.state === 'running');
  const known = await Promise.all(running.map(async ({ run }) => [run.runId, await runs.progress.read(run)] as const));
  return { ...choice, ...page, counts, progress: new Map(known) };
}

/** The list as it is now, to be sent live. */
export function listFrame(
  c: PortalContext,
  deps: Pick<PortalDeps, 'catalog'>,
  list: RequestList,
  keepDays: number,
): Frame {
  return {
    fragments: [{ id: PANEL, markup: listPanel(c, deps.catalog, list, keepDays) }],
    say: sayingOf(list, c.get('times').now),
  };
}

export function listPanel(c: PortalContext, catalog: Catalog, list: RequestList, keepDays: number): Markup {
  const { requests, state, before, counts } = list;
  const isNewest = before === null;
  const writes = mayWrite(c);
  const shown = { catalog, times: c.get('times'), csrf: c.get('csrf'), mayWrite: writes };
  const tools = [
    isNewest ? liveMark(addressOf(state)) : '',
    writes && counts.byState.Expired > 0 && (state === undefined || state === 'Expired')
      ? linkButton(`${REQUESTS_PAGE}/delete?state=expired`, {
          ...{ label: 'Delete all expired', isSmall: true, classes: 'push' },
        })
      : '',
  ];
  const head = { id: 'manage', title: 'Manage Existing Export Requests', panelId: PANEL, tools };
  if (counts.all === 0) {
    const text = `Choose a realm and two dates. Your request appears here and stays for ${counted(keepDays, 'day')} after it is ready.`;
    return panel({ ...head, content: empty('No requests yet', text) });
  }
  const bar = statePills(state, counts);
  if (requests.length === 0) {
    const text = state === undefined ? 'There are no older ones.' : 'Requests in another state are under “All”.';
    return panel({ ...head, content: [bar, empty(`No ${state?.toLowerCase() ?? 'older'} requests`, text)] });
  }
  return panel({
    ...head,
    content: [
      bar,
      table({
        caption: 'Export requests, newest first',
        columns: COLUMNS,
        rows: requests.map((request) => requestRow(request, list.progress.get(request.run.runId), shown)),
      }),
    ],
    foot: foot(list, writes),
  });
}

function addressOf(state: RequestState | undefined, more: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams({ ...(state && { state: state.toLowerCase() }), ...more }).toString();
  return query === '' ? REQUESTS_PAGE : `${REQUESTS_PAGE}?${query}`;
}

/** Address of the stream of changes of a list. */
export function eventsAddress({ state }: ListChoice): string {
  return `${REQUESTS_PAGE}/events${state ? `?state=${state.toLowerCase()}` : ''}`;
}

function statePills(current: RequestState | undefined, { byState, all, isCapped }: RequestCounts): Markup {
  const pill = (state: RequestState | undefined, label: string, count: number) => ({
    ...{ address: `${addressOf(state)}#manage`, label, isCurrent: state === current },
    count: `${grouped(count)}${isCapped ? '+' : ''}`,
  });
  return pills('Requests by state', [
    pill(undefined, 'All', all),
    ...REQUEST_STATES.map((state) => pill(state, state, byState[state])),
  ]);
}

function foot({ requests, state, before, next, counts }: RequestList, writes: boolean): Content {
  const total = state === undefined ? counts.all : counts.byState[state];
  const isWhole = before === null && next === null;
  const number = isWhole
    ? counted(requests.length, 'request')
    : `${requests.length} of ${counted(total, 'request')}${counts.isCapped ? ' or more' : ''}`;
  const remove = writes
    ? html`<form id="${CHOSEN_FORM}" method="get" action="${REQUESTS_PAGE}/delete"><button class="btn btn--small">Delete chosen</button></form>`
    : '';
  const all =
    writes && state === undefined
      ? linkButton(`${REQUESTS_PAGE}/delete?state=all`, { label: 'Delete all', look: 'quiet', isSmall: true })
      : '';
  const newest = before === null ? '' : linkButton(`${addressOf(state)}#manage`, { label: 'Newest', isSmall: true });
  const older =
    next === null
      ? ''
      : linkButton(`${addressOf(state, { before: String(next) })}#manage`, { label: 'Older', isSmall: true });
  return html`<span>${number}</span>${remove}${all}<span class="push row">${newest}${older}</span>`;
}

/** How long the end of a request is told to screen readers, in milliseconds. */
const NEWS_MS = 5000;

/** Screen readers are told each quarter and the end of a request, not every percent. */
function sayingOf({ requests, progress }: RequestList, now: Date): string | undefined {
  const said = requests.flatMap(({ id, state, run }) => {
    const percent = progress.get(run.runId)?.percent ?? 0;
    const quarter = Math.floor(percent / 25) * 25;
    if (state === 'Submitted') return quarter > 0 ? [`Request ${id}: ${quarter} percent`] : [];
    const isNews = run.endedAt !== null && now.getTime() - run.endedAt.getTime() < NEWS_MS;
    return isNews ? [`Request ${id}: ${state.toLowerCase()}`] : [];
  });
  return said.length > 0 ? said.join('. ') : undefined;
}
