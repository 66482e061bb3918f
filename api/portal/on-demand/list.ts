import { html } from 'hono/html';
import type { Catalog } from '../../../config/dataset.ts';
import { isActive, type Progress } from '../../../contracts/progress.ts';
import { ON_DEMAND } from '../../../contracts/run.ts';
import type { Page, Run } from '../../../stores/ledger/ports.ts';
import { exportState, orderOf } from '../../on-demand/view.ts';
import { button, linkButton, postForm } from '../components/field.ts';
import { counted, grouped, size, timeLeft } from '../components/figures.ts';
import { icon } from '../components/icon.ts';
import { empty } from '../components/notice.ts';
import { liveMark, panel } from '../components/panel.ts';
import { progressBar, state, sub } from '../components/state.ts';
import { BLANK, type Cell, type Column, table, tableRow } from '../components/table.ts';
import type { Times } from '../components/times.ts';
import { mayWrite, PORTAL_PATH, type PortalContext } from '../environment.ts';
import type { Fragment } from '../live/stream.ts';
import type { Content, Markup } from '../shell/markup.ts';
import type { PortalDeps } from '../tab.ts';
import { datasetTitle, formatText, STATES } from './words.ts';

const ON_PAGE = 20;
const PANEL = 'exports-panel';
const TBODY = 'exports';

/** A page of the tenant's exports. */
export interface ExportList {
  readonly page: Page<Run>;
  readonly progress: ReadonlyMap<string, Progress>;
}

/** @param cursor of the page before; `null`: the newest ones */
export async function readExports(
  c: PortalContext,
  { ledger, runs }: Pick<PortalDeps, 'ledger' | 'runs'>,
  cursor: string | null,
): Promise<ExportList> {
  const { tenant, limits } = c.get('caller');
  const page = await ledger.runs.list(
    tenant.key,
    { kind: ON_DEMAND, subjects: limits.datasets },
    { cursor, limit: ON_PAGE },
  );
  const active = page.rows.filter((run) => isActive(run.state));
  const known = await Promise.all(active.map(async (run) => [run.runId, await runs.progress.read(run)] as const));
  return { page, progress: new Map(known) };
}

const COLUMNS: readonly Column[] = [
  { title: 'Dataset' },
  { title: 'State' },
  { title: 'Window' },
  { title: 'Rows', isNumber: true },
  { title: 'Size', isNumber: true },
  { title: 'Ordered' },
  { title: 'Actions', isHidden: true },
];

/** The list as it is now, to be sent live. */
export function exportsFragment(c: PortalContext, catalog: Catalog, list: ExportList): Fragment {
  return { id: PANEL, markup: exportsPanel(c, catalog, list, { isNewest: true }) };
}

export function exportsPanel(
  c: PortalContext,
  catalog: Catalog,
  list: ExportList,
  { isNewest }: { readonly isNewest: boolean },
): Markup {
  const here = `${PORTAL_PATH}/on-demand`;
  const { next, rows } = list.page;
  const head = { id: 'yours', panelId: PANEL, title: 'Your exports', ...(isNewest && { tools: liveMark(here) }) };
  if (rows.length === 0) {
    const text = 'Choose a dataset and a window. Your export appears here as soon as it is ordered.';
    return panel({ ...head, content: empty('No exports yet', text) });
  }
  const shown = { catalog, times: c.get('times'), csrf: c.get('csrf'), mayWrite: mayWrite(c) };
  const newer = isNewest ? '' : linkButton(`${here}#yours`, { label: 'Newest', isSmall: true });
  const older =
    next === null
      ? ''
      : linkButton(`${here}?${new URLSearchParams({ cursor: next })}#yours`, { label: 'Older', isSmall: true });
  return panel({
    ...head,
    content: table({
      caption: 'Exports ordered on demand, newest first',
      columns: COLUMNS,
      bodyId: TBODY,
      rows: rows.map((run) => exportRow(run, list.progress.get(run.runId), shown)),
    }),
    foot: html`<span>${counted(rows.length, 'export')}${isNewest ? '' : ', older ones'}</span><span class="push row">${newer}${older}</span>`,
  });
}

function rowId({ number }: Run): string {
  return `export-${number}`;
}

interface Shown {
  readonly catalog: Catalog;
  readonly times: Times;
  readonly csrf: string;
  readonly mayWrite: boolean;
}

function exportRow(run: Run, progress: Progress | undefined, shown: Shown): Markup {
  const { catalog, times } = shown;
  const order = orderOf(run);
  const here = `${PORTAL_PATH}/on-demand/${run.number}`;
  const rows = run.rows ?? progress?.rowsTotal ?? null;
  const cells: readonly Cell[] = [
    {
      place: 'lead',
      content: [html`<a href="${here}">${datasetTitle(catalog, order.dataset)}</a>`, sub(formatText(order))],
    },
    { place: 'st', content: stateContent(run, progress, times) },
    { classes: 'nowrap', content: times.window(order.window) },
    rows === null ? BLANK : { content: grouped(rows) },
    run.bytes === null ? BLANK : { content: size(run.bytes) },
    { classes: 'nowrap', content: times.ago(run.requestedAt) },
    { place: 'acts', content: actions(run, here, shown) },
  ];
  return tableRow(COLUMNS, cells, rowId(run));
}

function stateContent(run: Run, progress: Progress | undefined, times: Times): Content {
  const now = exportState(run, times.now);
  const { kind, word } = STATES[now];
  const shown = state(kind, word);
  if (now === 'running' && progress) {
    const { percent, rowsTotal } = progress;
    const left = timeLeft(times.now.getTime() - (run.startedAt ?? run.requestedAt).getTime(), percent);
    const words = rowsTotal === null ? 'Counting rows' : `${percent}\u00A0%${left ? ` · ${left}` : ''}`;
    const label = `Progress of export ${run.number}`;
    return [shown, sub([progressBar(rowsTotal === null ? null : percent, label), words])];
  }
  if (now === 'failed' && run.failure) return [shown, sub(run.failure.message)];
  const { recipients } = orderOf(run);
  if (now === 'completed' && recipients.length > 0)
    return [shown, sub(`Sealed to ${counted(recipients.length, 'recipient')}`)];
  return shown;
}

function actions(run: Run, here: string, { times, csrf, mayWrite: writes }: Shown): Content {
  const ofExport = html`<span class="vh"> export ${run.number}</span>`;
  const now = exportState(run, times.now);
  if (now === 'completed') {
    const label = html`${icon('down')}Download${ofExport}`;
    return linkButton(`${PORTAL_PATH}/on-demand/${run.runId}/file`, { label, isSmall: true });
  }
  if (!writes) return '';
  if (isActive(now)) {
    return postForm(`${here}/cancel`, csrf, button({ label: html`Cancel${ofExport}`, look: 'quiet', isSmall: true }));
  }
  return postForm(`${here}/again`, csrf, button({ label: html`Order again${ofExport}`, isSmall: true }));
}
