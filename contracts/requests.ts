import { formatExtension, type RequestOrder } from './order.ts';

/** Kind of the runs of the request portal. */
export const REQUESTS = 'requests';

/** Where the calls of the request portal are; published clients use both. */
export const REQUESTS_PATH = '/rest/v1/warehouse/export';
export const REQUESTS_ALIAS = '/rest/warehouse/export';

/** Signal that ends the wait of a run for its batch. */
export const RELEASE_SIGNAL = 'release';

/** Most days from the first to the last day of a request: one year, also a leap year. */
export const REQUEST_DAYS_MAX = 365;

/** Formats as callers name them. */
export const REQUEST_FORMATS = ['CSV', 'JSON', 'XLSX', 'PARQUET', 'SAV', 'ZSAV', 'DTA'] as const;
export type RequestFormat = (typeof REQUEST_FORMATS)[number];

/** What callers see. A deleted request is not shown. */
export const REQUEST_STATES = ['Submitted', 'Available', 'Expired', 'Failed'] as const;
export type RequestState = (typeof REQUEST_STATES)[number];

/** Follows the header of a column whose values are keyed hashes. */
export const ANONYMIZED_SUFFIX = ' (Deidentified)';

/** @returns name of the data file in the archive, such as `Jobs--2016-01-01-2016-12-31.csv` */
export function requestFileName(realm: string, order: Pick<RequestOrder, 'window' | 'format'>): string {
  return `${requestName(realm, order)}.${formatExtension(order.format)}`;
}

/** @returns name of the archive without extension, such as `Jobs--2016-01-01-2016-12-31` */
export function requestName(realm: string, { window }: Pick<RequestOrder, 'window'>): string {
  return `${realm}--${window.from.slice(0, 10)}-${window.to.slice(0, 10)}`;
}
