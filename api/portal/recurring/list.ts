import { html } from 'hono/html';
import { type Catalog, offeredName } from '../../../config/dataset.ts';
import type { Instant } from '../../../contracts/instant.ts';
import { dayOf } from '../../../contracts/keys.ts';
import type { Run, RunFile } from '../../../stores/ledger/ports.ts';
import { deliveryState } from '../../recurring/runs.ts';
import { button, linkButton, postForm } from '../components/field.ts';
import { counted, grouped, size } from '../components/figures.ts';
import { panel, panelBody } from '../components/panel.ts';
import { progressBar, type StateKind, state, sub } from '../components/state.ts';
import { BLANK, type Cell, type Column, table, tableRow } from '../components/table.ts';
import type { Times } from '../components/times.ts';
import { mayWrite, type PortalContext } from '../environment.ts';
import type { Content, Markup } from '../shell/markup.ts';
import { dayText } from './calendar.ts';
import { dayAddress, RECURRING_ADDRESS } from './calendar-panel.ts';
import type { KnownRecurring } from './known.ts';

const COLUMNS: readonly Column[] = [
  { title: 'Day' },
  { title: 'State' },
  { title: 'Window' },
  { title: 'Entities', isNumber: true },
  { title: 'Rows', isNumber: true },
  { title: 'Size', isNumber: true },
  { title: 'Received' },
  { title: 'Folder' },
  { title: 'Actions', isHidden: true },
];

/** How each state of a delivery is shown. */
const STATES: Readonly<Record<ReturnType<typeof deliveryState>, readonly [StateKind, string]>> = {
  running: ['running', 'Running'],
  delivered: ['available', 'Delivered'],
  replaced: ['expired', 'Replaced'],
  expired: ['expired', 'Expired'],
  failed: ['failed', 'Failed'],
  cancelled: ['expired', 'Cancelled'],
};

export function deliveryWord(run: Run, now: Date): Markup {
  const [kind, word] = STATES[deliveryState(run, now)];
  return state(kind, word);
}

/** The name of an entity for people, or that in paths if the catalog no longer has it. */
export function entityName(catalog: Catalog, dataset: string): string {
  const known = catalog.find(dataset);
  return known ? offeredName(known) : dataset;
}

/** The latest deliveries, or older ones. @param isNewest whether these are the latest */
export function deliveriesPanel(c: PortalContext, known: KnownRecurring, isNewest: boolean): Markup {
  const { page, runFiles } = known;
  if (page.rows.length === 0) {
    return panel({
      id: 'deliveries',
      title: 'Latest deliveries',
      content: panelBody(html`<p class="note">There was no run yet.</p>`),
    });
  }
  const files = Map.groupBy(runFiles, ({ runId }) => runId);
  const newest = linkButton(`${RECURRING_ADDRESS}#deliveries`, { label: 'Latest', isSmall: true });
  const older =
    page.next === null
      ? ''
      : linkButton(`${RECURRING_ADDRESS}?${new URLSearchParams({ cursor: page.next })}#deliveries`, {
          label: 'Older',
          isSmall: true,
        });
  return panel({
    id: 'deliveries',
    title: isNewest ? 'Latest deliveries' : 'Earlier deliveries',
    content: table({
      caption: 'Deliveries, the newest first',
      columns: COLUMNS,
      rows: page.rows.map((run) => deliveryRow(c, known, run, files.get(run.runId) ?? [])),
    }),
    foot: html`<span>A delivery’s page has its files</span><span class="push row">${isNewest ? '' : newest}${older}</span>`,
  });
}

function deliveryRow(c: PortalContext, known: KnownRecurring, run: Run, files: readonly RunFile[]): Markup {
  const times = c.get('times');
  const day = dayOf(run);
  const now = deliveryState(run, times.now);
  const isThere = now === 'delivered';
  const folder = day.replaceAll('-', '/');
  const cells: readonly Cell[] = [
    { place: 'lead', content: html`<a href="${dayAddress(day)}">${dayText(day)}</a>` },
    { place: 'lead-2', content: [deliveryWord(run, times.now), second(known, run, files)] },
    { classes: 'nowrap', content: windowText(files, times) },
    { content: grouped(files.filter(({ rows }) => rows !== null).length) },
    run.rows === null ? BLANK : { content: grouped(run.rows) },
    run.bytes === null ? BLANK : { content: size(run.bytes) },
    isThere ? { content: receivedText(run, times) } : BLANK,
    isThere ? { content: html`<code>${folder}</code>` } : BLANK,
    isThere && mayWrite(c) && !known.running
      ? {
          place: 'acts',
          content: postForm(
            `${dayAddress(day)}/again`,
            c.get('csrf'),
            button({ label: html`Deliver again<span class="vh"> ${dayText(day)}</span>`, isSmall: true }),
          ),
        }
      : { place: 'acts', content: '', isBlank: true },
  ];
  return tableRow(COLUMNS, cells, `run-${run.runId}`);
}

function second({ progress, running }: KnownRecurring, run: Run, files: readonly RunFile[]): Content {
  if (running?.runId === run.runId) {
    const percent = progress && progress.rowsTotal !== null ? progress.percent : null;
    const words = percent === null ? 'Counting rows' : `${percent}\u00A0%`;
    return sub([progressBar(percent, `Progress of ${dayText(dayOf(run))}`), words]);
  }
  if (run.failure) return sub(run.failure.message);
  const missing = files.filter(({ rows }) => rows === null).length;
  if (run.state === 'completed' && missing > 0) return sub(`without ${counted(missing, 'entity', 'entities')}`);
  const full = files.filter(({ complete }) => complete).length;
  if (full > 0) return sub(full === files.length ? 'full load' : `full load of ${full}`);
  return '';
}

/** The windows of all files together. */
function windowText(files: readonly RunFile[], times: Times): string {
  const [first, ...others] = files;
  if (!first) return '–';
  let { windowFrom: from, windowTo: to } = first;
  for (const { windowFrom, windowTo } of others) {
    if (from !== null && (windowFrom === null || windowFrom < from)) from = windowFrom;
    if (windowTo > to) to = windowTo;
  }
  return changesText({ windowFrom: from, windowTo: to }, times);
}

/** @returns for example "23 Nov 2026 01:30 – 24 Nov 2026 01:30" */
export function changesText(
  { windowFrom, windowTo }: { readonly windowFrom: Instant | null; readonly windowTo: Instant },
  times: Times,
): string {
  return times.window({ from: windowFrom, to: windowTo, bounds: 'half-open' });
}

/** What the tenant says it has received. */
export function receivedText({ acknowledgement }: Run, times: Times): Content {
  if (!acknowledgement) return html`<span class="quiet">not told</span>`;
  const at = times.moment(new Date(acknowledgement.at));
  if (acknowledgement.matched) return [state('available', 'Matched'), sub(at)];
  return [state('failed', 'Differs'), sub(at)];
}
