import { html } from 'hono/html';
import { WaybillError } from '../../../contracts/failures.ts';
import { dayOf, daySeries } from '../../../contracts/keys.ts';
import type { ManifestFile } from '../../../contracts/manifest.ts';
import type { Day } from '../../../contracts/recurrence.ts';
import { RECURRING } from '../../../contracts/recurring.ts';
import type { Run, RunFile, WindowGap } from '../../../stores/ledger/ports.ts';
import { openManifest, type StoredRun } from '../../../stores/objects/manifests.ts';
import { deliveryState } from '../../recurring/runs.ts';
import { button, linkButton, postForm } from '../components/field.ts';
import { grouped, size } from '../components/figures.ts';
import { notice } from '../components/notice.ts';
import { breadcrumb, code, facts, pageHead, panel, panelBody } from '../components/panel.ts';
import { sub } from '../components/state.ts';
import { BLANK, type Cell, type Column, table, tableRow } from '../components/table.ts';
import { mayWrite, type PortalContext } from '../environment.ts';
import { type Signature, signatureOf } from '../run/known.ts';
import { signatureText } from '../run/panels.ts';
import type { Content, Markup } from '../shell/markup.ts';
import type { Page } from '../shell/page.ts';
import type { PortalDeps } from '../tab.ts';
import { addDays, dayStates, daysOfGap, dayText } from './calendar.ts';
import { dayAddress, RECURRING_ADDRESS, RECURRING_PATH } from './calendar-panel.ts';
import { changesText, deliveryWord, entityName, receivedText } from './list.ts';

const { kind } = RECURRING;
/** Days before one in which the manifest that it follows is looked for. */
const DAYS_BEFORE = 62;

/** What is known of a day. */
export interface KnownDay {
  readonly day: Day;
  /** The oldest first. */
  readonly runs: readonly Run[];
  readonly files: readonly RunFile[];
  readonly gaps: readonly WindowGap[];
  readonly lastDay: Day | null;
  /** The run that has delivered the day, if its files are there. */
  readonly delivered: Run | undefined;
  /** `undefined`: there is none, or it cannot be read now. */
  readonly stored: StoredRun | undefined;
  readonly signature: Signature;
  /** The day whose manifest this one names as the one before. */
  readonly follows: Day | undefined;
}

/** @throws WaybillError `not_found` if nothing is known of the day */
export async function readDay(c: PortalContext, deps: PortalDeps, day: Day): Promise<KnownDay> {
  const { ledger, objects } = deps;
  const { key: tenant } = c.get('caller').tenant;
  const [runs, { gaps, lastDay }] = await Promise.all([
    ledger.runs.listOfSeries(tenant, [daySeries(kind, tenant, day)]),
    ledger.registrations.coverage({ tenant, kind }),
  ]);
  const here = gaps.filter((gap) => daysOfGap(gap).includes(day));
  if (runs.length === 0 && here.length === 0) throw new WaybillError('not_found');
  const files = await ledger.registrations.filesOf(runs.map(({ runId }) => runId));
  const delivered = runs.findLast((run) => deliveryState(run, deps.clock.now()) === 'delivered');
  const known = { day, runs, files, gaps: here, lastDay, delivered } as const;
  const none = { ...known, stored: undefined, signature: { state: 'none' }, follows: undefined } as const;
  if (!delivered) return none;
  try {
    const stored = await openManifest(objects, delivered);
    const signature = await signatureOf(deps, stored);
    return { ...known, stored, signature, follows: await readFollowed(deps, tenant, day, stored) };
  } catch (error) {
    // The page still has what the ledger knows; a download tells what is wrong.
    c.get('logger').warn(
      { err: error, runId: delivered.runId },
      'the manifest of a day could not be read for its page',
    );
    return none;
  }
}

async function readFollowed(
  { ledger }: Pick<PortalDeps, 'ledger'>,
  tenant: string,
  day: Day,
  { manifest }: StoredRun,
): Promise<Day | undefined> {
  const previous = manifest.delivery?.previous;
  if (!previous) return undefined;
  const days = Array.from({ length: DAYS_BEFORE }, (_, place) => addDays(day, -place - 1));
  const runs = await ledger.runs.listOfSeries(
    tenant,
    days.map((before) => daySeries(kind, tenant, before)),
  );
  const found = runs.find(({ manifestSha256 }) => manifestSha256 === previous);
  return found && dayOf(found);
}

/** The page of a day: its files, what it proves, and what went wrong. */
export function dayPage(c: PortalContext, deps: Pick<PortalDeps, 'catalog'>, known: KnownDay): Page {
  const { day, runs, files, gaps, lastDay, delivered, stored } = known;
  const name = `${dayText(day)} ${day.slice(0, 4)}`;
  const words = dayStates({ runs, files, gaps, due: null, lastDay }).get(day)?.words;
  const isRunning = runs.some(({ state }) => state === 'running');
  const again =
    delivered && mayWrite(c) && !isRunning
      ? postForm(`${dayAddress(day)}/again`, c.get('csrf'), button({ label: 'Deliver again', busy: 'Starting…' }))
      : '';
  const manifest = delivered
    ? [
        linkButton(`${RECURRING_ADDRESS}/runs/${delivered.runId}/manifest`, { label: 'Manifest' }),
        linkButton(`${RECURRING_ADDRESS}/runs/${delivered.runId}/signature`, { label: 'Signature' }),
      ]
    : '';
  const shown = delivered ?? runs.findLast(({ state }) => state === 'completed');
  return {
    title: `${name}, recurring`,
    tab: RECURRING_PATH,
    content: html`${pageHead({
      title: name,
      crumbs: breadcrumb([[RECURRING_ADDRESS, 'Recurring']], name),
      ...(words !== undefined && { text: `${words.charAt(0).toUpperCase()}${words.slice(1)}.` }),
      actions: [manifest, again],
    })}
${gaps.map((gap) => gapNotice(c, deps, gap))}
${shown ? filesPanel(c, deps, known, shown) : ''}
<div class="split split--even">${stored && delivered ? proofPanel(c, known, delivered, stored) : ''}${runsPanel(c, runs)}</div>`,
  };
}

function gapNotice(c: PortalContext, { catalog }: Pick<PortalDeps, 'catalog'>, gap: WindowGap): Markup {
  const entity = entityName(catalog, gap.dataset);
  const window = changesText({ windowFrom: gap.from, windowTo: gap.to }, c.get('times'));
  if (gap.closedBy !== null) {
    return notice({
      kind: 'warn',
      title: `${entity} had no file of ${window}`,
      text: html`The full load of <a href="${dayAddress(gap.closedBy)}">${dayText(gap.closedBy)}</a> has these rows. What you composed before is without them.`,
    });
  }
  return notice({
    kind: 'bad',
    title: `${entity}: rows are missing`,
    text: `No delivery has what changed in ${window}. A full load has all rows again.`,
    ...(mayWrite(c) && {
      actions: linkButton(`${RECURRING_ADDRESS}/full-load?${new URLSearchParams({ entity })}`, {
        label: 'Queue a full load',
        isSmall: true,
      }),
    }),
  });
}

function filesPanel(
  c: PortalContext,
  { catalog }: Pick<PortalDeps, 'catalog'>,
  { files, stored, delivered }: KnownDay,
  run: Run,
): Markup {
  const times = c.get('times');
  const columns: readonly Column[] = [
    { title: 'Entity' },
    { title: 'Load' },
    { title: 'Window' },
    { title: 'Rows', isNumber: true },
    { title: 'CSV', isNumber: true },
    { title: 'Deleted rows', isNumber: true },
  ];
  const fileOf = (dataset: string, isDeleted: boolean) =>
    stored?.manifest.files.find((file) => file.dataset === dataset && (file.rowsWanted !== undefined) === isDeleted);
  const link = (file: ManifestFile | undefined, what: string): Cell =>
    file && delivered
      ? {
          content: html`<a class="dl" href="${RECURRING_ADDRESS}/runs/${delivered.runId}/files/${encodeURIComponent(file.file)}"><span class="vh">${what}, </span>${size(file.bytes)}</a>`,
        }
      : BLANK;
  const rows = files
    .filter(({ runId }) => runId === run.runId)
    .map((file) => {
      const name = entityName(catalog, file.dataset);
      const window = changesText(file, times);
      return tableRow(columns, [
        { place: 'lead', content: [name, file.failure ? sub(file.failure.message) : ''] },
        { place: 'lead-2', content: file.complete ? 'Full load' : 'Changes' },
        { classes: 'nowrap', content: window },
        file.rows === null ? BLANK : { content: grouped(file.rows) },
        link(fileOf(file.dataset, false), `${name} as CSV`),
        link(fileOf(file.dataset, true), `${name}, keys of deleted rows`),
      ]);
    });
  return panel({
    id: 'files',
    title: 'Files',
    about: deliveryWord(run, times.now),
    content: table({ caption: 'Entities of this delivery', columns, rows }),
    foot: delivered
      ? html`<span>A size downloads the file. On the SFTP server: <code>${dayOf(run).replaceAll('-', '/')}</code></span>`
      : html`<span>The files are not kept any more</span>`,
  });
}

function proofPanel(
  c: PortalContext,
  { signature, follows, day }: KnownDay,
  run: Run,
  { manifest }: StoredRun,
): Markup {
  const { previous = null, replaces = [] } = manifest.delivery ?? {};
  const differences = run.acknowledgement?.differences ?? [];
  return panel({
    id: 'proof',
    title: 'Proof',
    content: panelBody(html`${facts([
      ['Manifest', html`<code class="break">sha256 ${run.manifestSha256 ?? ''}</code>`],
      ['Signature', signatureText(signature)],
      ['Follows', followsText(previous, follows)],
      ...(replaces.length > 0 ? ([['Replaces', `${replaces.length} earlier of this day`]] as const) : []),
      ['Received', [receivedText(run, c.get('times')), ...differences.map(({ message }) => sub(message))]],
    ])}
<p class="note">Check it on your own machine, and say what you have received:</p>
${code(`npx waybill verify --chain exports\nnpx waybill recurring ack exports --day ${day}`, 'commands')}`),
  });
}

function followsText(previous: string | null, follows: Day | undefined): Content {
  if (previous === null) return 'none: it is the first one';
  if (follows !== undefined) return html`the manifest of <a href="${dayAddress(follows)}">${dayText(follows)}</a>`;
  return html`<code class="break">${previous}</code> <span class="quiet">not known here</span>`;
}

function runsPanel(c: PortalContext, runs: readonly Run[]): Markup {
  const times = c.get('times');
  const columns: readonly Column[] = [{ title: 'Began' }, { title: 'State' }, { title: 'Rows', isNumber: true }];
  const rows = runs
    .toReversed()
    .map((run) =>
      tableRow(columns, [
        { place: 'lead', classes: 'nowrap', content: times.moment(run.startedAt ?? run.requestedAt) },
        { content: [deliveryWord(run, times.now), run.failure ? sub(run.failure.message) : ''] },
        run.rows === null ? BLANK : { content: grouped(run.rows) },
      ]),
    );
  return panel({
    id: 'runs',
    title: 'Runs of this day',
    content:
      rows.length === 0
        ? panelBody(html`<p class="note">No run of this day is known.</p>`)
        : table({ caption: 'Runs of this day', columns, rows, isFlat: true, staysTable: true }),
  });
}
