import { html } from 'hono/html';
import type { Catalog } from '../../../config/dataset.ts';
import { FAILURES } from '../../../contracts/failures.ts';
import type { Run } from '../../../stores/ledger/ports.ts';
import { doorName } from '../components/doors.ts';
import { button, linkButton, postForm } from '../components/field.ts';
import { counted, grouped, size } from '../components/figures.ts';
import { icon } from '../components/icon.ts';
import { empty } from '../components/notice.ts';
import { panel } from '../components/panel.ts';
import { meter, sub } from '../components/state.ts';
import { BLANK, type Column, table, tableRow } from '../components/table.ts';
import type { Times } from '../components/times.ts';
import type { Content, Markup } from '../shell/markup.ts';
import { OPERATOR_PATH } from './login.ts';
import type { Snapshot } from './snapshot.ts';
import type { TemporalLinks } from './temporal-links.ts';

/** What the panels are drawn with. */
export interface Drawing {
  readonly catalog: Catalog;
  readonly times: Times;
  readonly csrf: string;
  readonly links: TemporalLinks;
}

/** @param what for screen readers, after "Temporal" */
export function temporalButton(address: string | undefined, what: string): Content {
  if (address === undefined) return '';
  return linkButton(address, { label: html`Temporal ${icon('out')}<span class="vh"> ${what}</span>`, isSmall: true });
}

/** @returns title of the dataset, or what a bundle holds */
export function whatOf({ subject, kind }: Pick<Run, 'subject' | 'kind'>, catalog: Catalog): string {
  return catalog.find(subject)?.title ?? (subject === kind ? 'All files' : subject);
}

const RUNNING: readonly Column[] = [
  { title: 'Tenant' },
  { title: 'Door' },
  { title: 'What' },
  { title: 'Progress' },
  { title: 'Rows', isNumber: true },
  { title: 'For', isNumber: true },
  { title: 'Actions', isHidden: true },
];

export function runningPanel({ active, progress }: Snapshot, { catalog, times, csrf, links }: Drawing): Markup {
  const { runs, running } = active;
  return panel({
    id: 'now',
    title: 'Running now',
    about: grouped(running),
    content:
      runs.length === 0
        ? empty('Nothing runs', 'Runs appear here as soon as they begin.')
        : table({
            caption: 'Runs that run now',
            columns: RUNNING,
            rows: runs.map((run) => {
              const { percent = 0, rowsTotal = null, rowsDone = 0 } = progress.get(run.runId) ?? {};
              const what = whatOf(run, catalog);
              const ofRun = `run of ${run.tenant}, ${what}`;
              const shown = rowsTotal === null ? 'counting' : `${percent}\u00A0%`;
              const cancel = button({
                label: html`Cancel<span class="vh"> ${ofRun}</span>`,
                look: 'quiet',
                isSmall: true,
              });
              return tableRow(
                RUNNING,
                [
                  { place: 'lead', content: run.tenant },
                  { content: doorName(run.kind) },
                  { content: what },
                  {
                    place: 'st',
                    classes: 'wide-progress',
                    content: meter({ value: percent, max: 100 }, shown, `Progress of ${run.tenant}, ${what}`),
                  },
                  rowsTotal === null ? BLANK : { content: grouped(rowsDone) },
                  { content: times.since(run.startedAt ?? run.requestedAt) },
                  {
                    place: 'acts',
                    content: html`${temporalButton(links.run(run), ofRun)} ${postForm(`${OPERATOR_PATH}/runs/${run.runId}/cancel`, csrf, cancel)}`,
                  },
                ],
                `run-${run.number}`,
              );
            }),
          }),
    ...(running > runs.length && { foot: `The oldest ${grouped(runs.length)} of ${grouped(running)}` }),
  });
}

const CAUSES: readonly Column[] = [{ title: 'Cause' }, { title: 'Runs' }, { title: 'Last' }];

/** @returns what a code means, in words */
export function causeTitle(code: string): string {
  return Object.hasOwn(FAILURES, code) ? FAILURES[code as keyof typeof FAILURES].title : code;
}

export function failuresPanel({ failures }: Snapshot, { times }: Drawing): Markup {
  const all = failures.reduce((sum, { runs }) => sum + runs, 0);
  return panel({
    id: 'fails',
    title: 'Failures by cause',
    about: 'Last 7 days',
    content:
      failures.length === 0
        ? empty('No run failed', 'Not one in the last 7 days.')
        : table({
            caption: 'Failures by cause',
            columns: CAUSES,
            isFlat: true,
            rows: failures.map(({ code, runs, lastAt }) =>
              tableRow(CAUSES, [
                {
                  place: 'lead',
                  content: [
                    html`<a href="${OPERATOR_PATH}/failures?${new URLSearchParams({ code })}">${causeTitle(code)}</a>`,
                    sub(html`<code>${code}</code>`),
                  ],
                },
                {
                  content: meter(
                    { value: runs, max: all },
                    grouped(runs),
                    `${causeTitle(code)}: ${runs} of ${counted(all, 'failure')}`,
                  ),
                },
                { classes: 'nowrap', content: times.ago(lastAt) },
              ]),
            ),
          }),
  });
}

const STORAGE: readonly Column[] = [{ title: 'Tenant' }, { title: 'Size', isNumber: true }, { title: 'Share' }];
/** Tenants that have a row of their own. */
const LARGEST = 5;

export function storagePanel({ stored }: Snapshot): Markup {
  const total = stored.reduce((sum, { bytes }) => sum + bytes, 0);
  const rest = stored.slice(LARGEST);
  const rows = [
    ...stored.slice(0, LARGEST),
    ...(rest.length === 0
      ? []
      : [{ tenant: `${grouped(rest.length)} others`, bytes: rest.reduce((sum, { bytes }) => sum + bytes, 0) }]),
  ];
  return panel({
    id: 'store',
    title: 'Storage by tenant',
    about: size(total),
    content:
      rows.length === 0
        ? empty('Nothing is stored', 'Files appear here when the first run completes.')
        : table({
            caption: 'Storage by tenant',
            columns: STORAGE,
            isFlat: true,
            staysTable: true,
            rows: rows.map(({ tenant, bytes }) => {
              const percent = total === 0 ? 0 : Math.round((bytes / total) * 100);
              return tableRow(STORAGE, [
                { place: 'lead', content: tenant },
                { content: size(bytes) },
                {
                  place: 'st',
                  content: meter(
                    { value: percent, max: 100 },
                    `${percent}\u00A0%`,
                    `${tenant}: ${percent} percent of the storage`,
                  ),
                },
              ]);
            }),
          }),
  });
}

const TENANTS: readonly Column[] = [
  { title: 'Tenant' },
  { title: 'Doors, 7 days' },
  { title: 'Runs, 7 days', isNumber: true },
  { title: 'Failed', isNumber: true },
  { title: 'Stored', isNumber: true },
  { title: 'Last run' },
  { title: 'Actions', isHidden: true },
];

/** @param most tenants that are shown, the most recently active first; absent: all, by key */
export function tenantsPanel({ tenants, ended, stored }: Snapshot, { times, links }: Drawing, most?: number): Markup {
  const rows = tenants.map((tenant) => {
    const own = ended.filter(({ tenant: key }) => key === tenant.key);
    const count = (chosen: typeof own) => chosen.reduce((sum, { runs }) => sum + runs, 0);
    return {
      tenant,
      doors: [...new Set(own.map(({ kind }) => kind))].toSorted().map(doorName),
      runs: count(own),
      failed: count(own.filter(({ state }) => state === 'failed')),
      bytes: stored.find(({ tenant: key }) => key === tenant.key)?.bytes ?? 0,
      lastAt: own.reduce<Date | null>((last, { lastAt }) => (last === null || lastAt > last ? lastAt : last), null),
    };
  });
  const sorted =
    most === undefined
      ? rows
      : rows.toSorted((one, other) => (other.lastAt?.getTime() ?? 0) - (one.lastAt?.getTime() ?? 0)).slice(0, most);
  return panel({
    id: 'tenants',
    title: 'Tenants',
    about: grouped(tenants.length),
    content:
      sorted.length === 0
        ? empty('No tenants yet', html`Add the first one with <code>npx waybill tenant add</code>.`)
        : table({
            caption: 'Tenants',
            columns: TENANTS,
            rows: sorted.map(({ tenant: { key, title, disabledAt }, doors, runs, failed, bytes, lastAt }) =>
              tableRow(TENANTS, [
                { place: 'lead', content: [key, sub(disabledAt === null ? title : `${title}, disabled`)] },
                doors.length === 0 ? BLANK : { content: doors.join(', ') },
                { content: grouped(runs) },
                { content: grouped(failed) },
                { content: size(bytes) },
                lastAt === null ? BLANK : { classes: 'nowrap', content: times.ago(lastAt) },
                { place: 'acts', content: temporalButton(links.tenant(key), `workflows of ${key}`) },
              ]),
            ),
          }),
    ...(most !== undefined &&
      tenants.length > most && {
        foot: html`<a href="${OPERATOR_PATH}/tenants">All ${counted(tenants.length, 'tenant')}</a>`,
      }),
  });
}
