import { html } from 'hono/html';
import type { Catalog } from '../../../config/dataset.ts';
import { offeredName } from '../../../config/dataset.ts';
import type { RequestFormat } from '../../../contracts/requests.ts';
import { offeredRealms } from '../../requests/order.ts';
import type { Request } from '../../requests/view.ts';
import { counted } from '../components/figures.ts';
import { PORTAL_PATH } from '../environment.ts';
import type { Markup } from '../shell/markup.ts';

/** Path of the tab below `/portal`. */
export const REQUESTS_TAB = '/requests';
/** Its address. */
export const REQUESTS_PAGE = `${PORTAL_PATH}${REQUESTS_TAB}`;

export function requestAddress(id: number): string {
  return `${REQUESTS_PAGE}/${id}`;
}

/** In the order of the form. */
export const FORMAT_NAMES: Readonly<Record<RequestFormat, string>> = {
  CSV: 'CSV',
  JSON: 'JSON',
  PARQUET: 'Parquet',
  XLSX: 'Excel',
  SAV: 'SPSS',
  ZSAV: 'SPSS, compressed',
  DTA: 'Stata',
};

/** @returns for example "CSV for Excel, 2 filters, Europe/Amsterdam" */
export function formatText({ format, order }: Request): string {
  return [FORMAT_NAMES[format], ...formatDetails({ format, order })].join(', ');
}

/** What was chosen besides the format. */
export function formatDetails({ format, order }: Pick<Request, 'format' | 'order'>): readonly string[] {
  return [
    ...(format === 'CSV' && order.csv.delimiter !== ',' ? ['for Excel'] : []),
    ...(order.filter ? [counted(order.filter.length, 'filter')] : []),
    ...(order.timeZone === undefined ? [] : [order.timeZone]),
  ];
}

/** @returns title of a realm, or its id if the catalog no longer has it */
export function realmTitle(catalog: Catalog, id: string): string {
  return offeredRealms(catalog).find((dataset) => offeredName(dataset) === id)?.title ?? id;
}

const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June'],
  ...['July', 'August', 'September', 'October', 'November', 'December'],
] as const;

/** @param date `YYYY-MM-DD`. @returns for example "31 January 2026" */
export function longDay(date: string): string {
  const [year = '', month = '', day = ''] = date.split('-');
  return `${Number(day)} ${MONTHS[Number(month) - 1]} ${Number(year)}`;
}

/** @param date `YYYY-MM-DD`. @returns "31 Jan 2026" */
function shortDay(date: string): Markup {
  const [day, month = '', year] = longDay(date).split(' ');
  return html`<time class="nowrap" datetime="${date}">${day} ${month.slice(0, 3)} ${year}</time>`;
}

/** Both days, the second one on a line of its own where there is room for it. */
export function daysInRow({ startDate, endDate }: Request): Markup {
  return html`${shortDay(startDate)} – <br>${shortDay(endDate)}`;
}

/** For example "1 Jan 2026 – 31 Oct 2026". */
export function days({ startDate, endDate }: Request): Markup {
  return html`${shortDay(startDate)} – ${shortDay(endDate)}`;
}

/** @returns a message for programs in the words of pages: dates in words, no full stop */
export function inWords(message: string): string {
  return message.replace(/\b\d{4}-\d{2}-\d{2}\b/g, longDay).replace(/\.$/, '');
}
