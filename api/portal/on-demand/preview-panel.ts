import { html } from 'hono/html';
import type { Order } from '../../../contracts/order.ts';
import type { Preview } from '../../../contracts/preview.ts';
import { counted, size } from '../components/figures.ts';
import { panel, panelBody } from '../components/panel.ts';
import type { Times } from '../components/times.ts';
import { attribute, type Content, type Markup } from '../shell/markup.ts';

const NUMBERS: ReadonlySet<string> = new Set(['integer', 'decimal', 'double']);

/** The first rows and their number. */
export function previewPanel({ columns, first, rows, snapshotAt }: Preview, order: Order, times: Times): Markup {
  const about = html`<strong class="figure">${counted(rows, 'row')}</strong> in this window${estimate({ first, rows }, order)}`;
  const foot = html`<span>${first.length === rows ? 'All rows' : `First ${counted(first.length, 'row')}`}</span><span class="push">Read at ${times.clock(new Date(snapshotAt))}</span>`;
  if (rows === 0) {
    const text = 'An export would be an empty file. Choose another window.';
    return panel({
      id: 'preview',
      title: 'Preview',
      about,
      content: panelBody(html`<p class="note">${text}</p>`),
      foot,
    });
  }
  const isNumber = columns.map(({ type }) => NUMBERS.has(type));
  const named = (place: number) => attribute('class', isNumber[place] ? 'num' : undefined);
  return panel({
    id: 'preview',
    title: 'Preview',
    about,
    content: html`<div class="scroll" role="region" aria-label="First rows" tabindex="0"><table class="table data"><caption class="vh">First rows</caption><thead><tr>${columns.map(
      ({ header }, place) => html`<th scope="col"${named(place)}>${header}</th>`,
    )}</tr></thead><tbody>${first.map(
      (row) =>
        html`<tr>${row.map((value, place) => html`<td${named(place)}>${value === null ? html`<span class="quiet">null</span>` : value}</td>`)}</tr>
`,
    )}</tbody></table></div>`,
    foot,
  });
}

/** By the first rows, for CSV that is not compressed: how well the rest compresses is not known. */
function estimate({ first, rows }: Pick<Preview, 'first' | 'rows'>, { format, compression }: Order): Content {
  if (format !== 'csv' || first.length === 0) return '';
  const lengths = first.map((row) => row.reduce((sum, value) => sum + Buffer.byteLength(value ?? '') + 1, 0));
  const average = lengths.reduce((sum, length) => sum + length, 0) / first.length;
  return html`, about ${size(Math.round(average * rows))} in CSV${compression === 'none' ? '' : ' before compression'}`;
}

/** Stands in place of a preview until one is asked for. */
export function noPreviewYet(): Markup {
  return panel({
    id: 'preview',
    title: 'Preview',
    content: panelBody(
      html`<p class="note">“Update preview” shows the first rows and their number, before you order.</p>`,
    ),
  });
}
