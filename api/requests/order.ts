import { type Catalog, type Dataset, offeredAt, offeredName } from '../../config/dataset.ts';
import type { Instant } from '../../contracts/instant.ts';
import { CSV_DEFAULTS, CSV_PRESETS, type FileFormat, type RequestOrder } from '../../contracts/order.ts';
import { resolveTimeZone } from '../../contracts/recurrence.ts';
import { REQUEST_DAYS_MAX, REQUEST_FORMATS, REQUESTS, type RequestFormat } from '../../contracts/requests.ts';
import type { RequestForm } from '../../contracts/views/requests.ts';
import { assertValid, type FieldError } from '../http/field-errors.ts';
import { shown } from '../http/requests.ts';
import { readFilter } from '../runs/filter.ts';

const DAY_MS = 86_400_000;

/** Snapshots that a request tries while the source changes. */
const ROUNDS_MAX = 3;

/** What the files of each format are. */
export const FILES: Readonly<Record<RequestFormat, FileFormat>> = {
  CSV: 'csv',
  JSON: 'rows-json',
  XLSX: 'xlsx',
  PARQUET: 'parquet',
  SAV: 'sav',
  ZSAV: 'zsav',
  DTA: 'dta',
};

/** @returns the datasets that requests may name, in the order of the catalog; one with a required parameter cannot be requested */
export function offeredRealms(catalog: Catalog): readonly Dataset[] {
  return offeredAt(catalog, REQUESTS).filter(({ parameters }) => !parameters.some(({ required }) => required));
}

/** @returns the formats of a realm: CSV and JSON always, the others where the catalog has them */
export function offeredFormats({ formats }: Dataset): readonly RequestFormat[] {
  return REQUEST_FORMATS.filter((name) => {
    if (name === 'CSV' || name === 'JSON') return true;
    return formats.some((format) => format === FILES[name]);
  });
}

/**
 * Turns a request's form into an order.
 *
 * @throws InvalidFields naming every field that is wrong
 */
export function requestOrder(
  form: RequestForm,
  tenant: string,
  { catalog, keepDays, now }: { readonly catalog: Catalog; readonly keepDays: number; readonly now: Date },
): RequestOrder {
  const realms = offeredRealms(catalog);
  const wanted = form.realm.trim().toLowerCase();
  const dataset = realms.find((candidate) => offeredName(candidate).toLowerCase() === wanted);
  const formats = dataset ? offeredFormats(dataset) : REQUEST_FORMATS;
  const format = formats.find((name) => name === form.format.trim().toUpperCase());
  const zone = resolveTimeZone(form.time_zone);
  const errors: FieldError[] = [];
  if (!dataset) {
    const allowed = realms.map(offeredName);
    errors.push(invalid('realm', `There is no realm ${shown(form.realm)}. Choose ${listed(allowed)}.`, allowed));
  }
  errors.push(...dateErrors(form, now));
  if (!format) errors.push(invalid('format', `Choose ${alternatives(formats)} as the format.`, formats));
  if (format && format !== 'CSV' && form.csv_preset !== undefined) {
    errors.push(invalid('csv_preset', 'csv_preset: Only valid for the format CSV. Leave it out.'));
  }
  if (format === 'PARQUET' && zone !== 'UTC') {
    errors.push(invalid('time_zone', 'time_zone: Parquet has instants, without time zone. Leave it out.'));
  }
  const { filter, errors: filterErrors } = dataset ? readFilter(form.filter, dataset) : { filter: [], errors: [] };
  errors.push(...filterErrors);
  assertValid(errors);
  if (!dataset || !format) throw new RangeError('errors were not found');
  return {
    ...{ tenant, dataset: dataset.name, format: FILES[format], parameters: {}, columns: null },
    csv: form.csv_preset ? { ...CSV_DEFAULTS, ...CSV_PRESETS[form.csv_preset] } : CSV_DEFAULTS,
    ...(filter.length > 0 && { filter }),
    ...(zone !== 'UTC' && { timeZone: zone }),
    ...{ compression: 'none', recipients: [], keepDays, roundsMax: ROUNDS_MAX },
    window: {
      from: `${form.start_date}T00:00:00.000000Z` as Instant,
      to: `${form.end_date}T23:59:59.999999Z` as Instant,
      bounds: 'inclusive',
    },
  };
}

function dateErrors({ start_date: start, end_date: end }: RequestForm, now: Date): readonly FieldError[] {
  const today = now.toISOString().slice(0, 10);
  const errors: FieldError[] = [];
  for (const [field, name, date] of [
    ['start_date', 'start', start],
    ['end_date', 'end', end],
  ] as const) {
    if (!isDate(date))
      errors.push(invalid(field, `${shown(date)} is not a date. Write the ${name} date as 2016-12-31.`));
    else if (date > today) errors.push(invalid(field, `The ${name} date lies ahead. Choose ${today} or earlier.`));
  }
  if (errors.length > 0) return errors;
  if (start > end) return [invalid('end_date', `Choose an end date of ${start} or later: that is the start date.`)];
  const last = new Date(Date.parse(start) + REQUEST_DAYS_MAX * DAY_MS).toISOString().slice(0, 10);
  if (end > last) return [invalid('end_date', `Choose an end date of ${last} or earlier: one year is the most.`)];
  return [];
}

/** A day that exists, from the year 1 on. */
function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || text.startsWith('0000')) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

function invalid(field: string, message: string, allowed?: readonly string[]): FieldError {
  return { field, code: 'invalid_field', message, ...(allowed && { allowed }) };
}

/** Such as `CSV, JSON or PARQUET`. */
function alternatives(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'another service: this one has none' : `one of ${names.join(', ')}`;
}
