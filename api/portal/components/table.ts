import { html, raw } from 'hono/html';
import { attribute, type Content, type Markup } from '../shell/markup.ts';

export interface Column {
  readonly title: string;
  /** Whether values are numbers, which stand at the right. */
  readonly isNumber?: boolean;
  /** Whether the title is only read out, as for actions. */
  readonly isHidden?: boolean;
}

/**
 * A cell of a table that becomes a list in a narrow panel. `lead` is the row's name, and its header; `lead-2` stands beside it;
 * `st` is a state and `acts` are actions, both without a label; any other value is labelled by its column.
 */
export interface Cell {
  readonly content: Content;
  readonly place?: 'lead' | 'lead-2' | 'st' | 'acts';
  /** Whether it is the row's header for assistive technology. @default that in `lead` is */
  readonly isHeader?: boolean;
  /** Further classes: `nowrap`, `fit`. */
  readonly classes?: string;
  /** Whether the value is missing; it vanishes in a narrow panel. */
  readonly isBlank?: boolean;
}

export interface Table {
  /** For screen readers. */
  readonly caption: string;
  readonly columns: readonly Column[];
  /** Rows made by {@link tableRow}. */
  readonly rows: Content;
  /** Id of the body, for rows that are added live. */
  readonly bodyId?: string;
  /** Whether its head has no ground of its own, as in a panel of facts. */
  readonly isFlat?: boolean;
  /** Whether it stays a table in a narrow panel. @default it becomes a list */
  readonly staysTable?: boolean;
}

/** Roles keep it a table for assistive technology where it is shown as a list. */
export function table({ caption, columns, rows, bodyId, isFlat = false, staysTable = false }: Table): Markup {
  const classes = ['table', ...(staysTable ? [] : ['cards']), ...(isFlat ? ['table--flat'] : [])].join(' ');
  return html`<table class="${classes}" role="table"><caption class="vh">${caption}</caption>
<thead role="rowgroup"><tr role="row">${columns.map(
    ({ title, isNumber, isHidden }) =>
      html`<th role="columnheader" scope="col"${attribute('class', isNumber ? 'num' : undefined)}>${isHidden ? html`<span class="vh">${title}</span>` : title}</th>`,
  )}</tr></thead>
<tbody role="rowgroup"${attribute('id', bodyId)}>
${rows}</tbody></table>`;
}

/** @param id unique in the page, for rows that change live */
export function tableRow(columns: readonly Column[], cells: readonly Cell[], id?: string): Markup {
  return html`<tr role="row"${attribute('id', id)}>${cells.map((cell, place) => tableCell(cell, columns[place]))}</tr>
`;
}

function tableCell(
  { content, place, classes, isBlank, isHeader = place === 'lead' }: Cell,
  column: Column | undefined,
): Markup {
  const isNumber = column?.isNumber === true;
  const names = [isNumber ? 'num' : '', place ?? '', classes ?? '', isBlank ? 'blank' : ''].filter(Boolean).join(' ');
  const named = attribute('class', names || undefined);
  if (isHeader) return html`<th role="rowheader" scope="row"${named}>${content}</th>`;
  if (place !== undefined || column === undefined) return html`<td role="cell"${named}>${content}</td>`;
  return html`<td role="cell"${named} data-label="${column.title}"><span>${content}</span></td>`;
}

/** A missing value. */
export const BLANK: Cell = { content: raw('–'), isBlank: true };
