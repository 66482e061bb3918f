import { html } from 'hono/html';
import type { Run } from '../../../stores/ledger/ports.ts';
import { doorName } from '../components/doors.ts';
import { counted } from '../components/figures.ts';
import { empty } from '../components/notice.ts';
import { pageHead, panel } from '../components/panel.ts';
import { sub } from '../components/state.ts';
import { type Column, table, tableRow } from '../components/table.ts';
import type { Page } from '../shell/page.ts';
import { OPERATOR_PATH } from './login.ts';
import { causeTitle, type Drawing, temporalButton, whatOf } from './panels.ts';
import type { Snapshot } from './snapshot.ts';

const COLUMNS: readonly Column[] = [
  { title: 'When' },
  { title: 'Tenant' },
  { title: 'Door' },
  { title: 'What' },
  { title: 'Why' },
  { title: 'Actions', isHidden: true },
];

/** @param code of the failures that are shown; `undefined`: all */
export function failuresPage(
  runs: readonly Run[],
  { failures }: Pick<Snapshot, 'failures'>,
  code: string | undefined,
  { catalog, times, links }: Drawing,
): Page {
  const here = `${OPERATOR_PATH}/failures`;
  const pill = (address: string, name: string, count: number, isCurrent: boolean) =>
    html`<a href="${address}"${isCurrent ? html` aria-current="page"` : ''}>${name} <span class="quiet">${count}</span></a>\n`;
  const all = failures.reduce((sum, each) => sum + each.runs, 0);
  return {
    title: 'Failures',
    tab: '/failures',
    content: html`${pageHead({ title: 'Failures', text: 'Runs that failed in the last 7 days, newest first.' })}
<nav class="pills" aria-label="Causes">${pill(here, 'All', all, code === undefined)}${failures.map((each) =>
      pill(`${here}?${new URLSearchParams({ code: each.code })}`, causeTitle(each.code), each.runs, each.code === code),
    )}</nav>
${panel({
  id: 'failed',
  title: code === undefined ? 'All causes' : causeTitle(code),
  about:
    runs.length < (failures.find((each) => each.code === code)?.runs ?? all)
      ? `the newest ${runs.length}`
      : counted(runs.length, 'run'),
  content:
    runs.length === 0
      ? empty('No run failed', 'Not one in the last 7 days.')
      : table({
          caption: 'Runs that failed',
          columns: COLUMNS,
          rows: runs.map((run) =>
            tableRow(COLUMNS, [
              {
                place: 'lead-2',
                isHeader: true,
                classes: 'nowrap',
                content: times.exact(run.endedAt ?? run.requestedAt),
              },
              { place: 'lead', isHeader: false, content: run.tenant },
              { content: doorName(run.kind) },
              { content: whatOf(run, catalog) },
              { content: [run.failure?.message, sub(html`<code>${run.failure?.code}</code>`)] },
              { place: 'acts', content: temporalButton(links.run(run), `run of ${run.tenant}`) },
            ]),
          ),
        }),
})}`,
  };
}
