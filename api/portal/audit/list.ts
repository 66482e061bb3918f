import { html } from 'hono/html';
import type { Catalog } from '../../../config/dataset.ts';
import { ON_DEMAND } from '../../../contracts/run.ts';
import type { AuditLine } from '../../../stores/ledger/ports.ts';
import { state } from '../components/state.ts';
import { BLANK, type Column, table, tableRow } from '../components/table.ts';
import type { Times } from '../components/times.ts';
import { PORTAL_PATH } from '../environment.ts';
import type { Content, Markup } from '../shell/markup.ts';
import { aboutOf, addressOf, type Result, resultOf, whoOf } from './entry.ts';
import { actionWords } from './words.ts';

const COLUMNS: readonly Column[] = [
  { title: 'When' },
  { title: 'What' },
  { title: 'Who' },
  { title: 'Of' },
  { title: 'Address' },
  { title: 'Result' },
];

const RESULTS: Readonly<Record<Result, () => Content>> = {
  done: () => html`<span class="quiet">Done</span>`,
  failed: () => state('failed', 'Failed'),
  refused: () => state('failed', 'Refused'),
};

/** @param isOneDay whether times need no day */
export function auditTable(
  lines: readonly AuditLine[],
  { catalog, times, isOneDay }: { readonly catalog: Catalog; readonly times: Times; readonly isOneDay: boolean },
): Markup {
  return table({
    caption: 'Audit entries, newest first',
    columns: COLUMNS,
    rows: lines.map((line) => {
      const address = addressOf(line);
      const about = ofContent(line, catalog);
      return tableRow(COLUMNS, [
        {
          place: 'lead-2',
          isHeader: true,
          classes: 'nowrap',
          content: isOneDay ? times.clock(line.at) : times.exact(line.at),
        },
        { place: 'lead', isHeader: false, content: actionWords(line.action) },
        { content: whoOf(line) },
        about === undefined ? BLANK : { content: about },
        address === undefined ? BLANK : { content: html`<code>${address}</code>` },
        { content: RESULTS[resultOf(line)]() },
      ]);
    }),
  });
}

function ofContent(line: AuditLine, catalog: Catalog): Content {
  const about = aboutOf(line, catalog);
  const { run } = line;
  if (run === null) return about === '' ? undefined : about;
  const title = catalog.find(run.subject)?.title;
  const text = [title, about].filter(Boolean).join(', ');
  const path = run.kind === ON_DEMAND ? 'on-demand' : run.kind === 'requests' ? 'requests' : undefined;
  const number =
    path === undefined ? run.number : html`<a href="${PORTAL_PATH}/${path}/${run.number}">${run.number}</a>`;
  return html`${number}${text === '' ? '' : ` ${text}`}`;
}
