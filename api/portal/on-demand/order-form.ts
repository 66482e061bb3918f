import { Temporal } from 'temporal-polyfill';
import { type Catalog, type Dataset, offeredName } from '../../../config/dataset.ts';
import { type Instant, instantFromMicros } from '../../../contracts/instant.ts';
import { COMPRESSIONS, FORMATS, hasOwnCompression } from '../../../contracts/order.ts';
import { FILE_COUNTS } from '../../../contracts/views/on-demand.ts';
import type { FieldError } from '../../http/field-errors.ts';
import { offeredDatasets } from '../../on-demand/parameters.ts';
import { type FilterFields, filterBody, filterProblem, readFilterFields } from '../components/filter-fields.ts';
import type { FieldProblem } from '../components/notice.ts';
import { readWrittenValues, WRITTEN_VALUES, type WrittenValues } from '../components/written-values.ts';

/** What the form of an order holds, as texts: so it is shown again as it was sent. */

const OWN_COMPRESSION: readonly string[] = FORMATS.filter(hasOwnCompression);

export interface OrderForm extends WrittenValues {
  readonly dataset: Dataset;
  /** A local time, as `datetime-local` writes it; empty: open. */
  readonly from: string;
  readonly to: string;
  readonly format: string;
  readonly compression: string;
  /** `one`, or `auto`: several if there are many rows. */
  readonly files: string;
  /** Names of the columns that are chosen; `null`: all. */
  readonly columns: readonly string[] | null;
  /** One a line. */
  readonly recipients: string;
  /** Values of the dataset's own parameters, by name. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly filter: FilterFields;
}

/** Names of the fields that an address may hold: values of filters and parameters may be personal. */
export const FIELD_NAMES = [
  ...(['dataset', 'from', 'to', 'format', 'compression', 'files', 'columns_of', 'columns', 'recipients'] as const),
  ...WRITTEN_VALUES,
];

/** @returns the columns that rows can be chosen by */
export function filterColumns({ columns }: Dataset): Dataset['columns'] {
  return columns.filter(({ anonymizedFrom }) => anonymizedFrom === undefined);
}

/** @returns the form as it was sent, or a new one; `undefined` if no dataset is offered */
export function readOrderForm(catalog: Catalog, fields: URLSearchParams): OrderForm | undefined {
  const offered = offeredDatasets(catalog);
  const wanted = fields.get('dataset');
  const dataset = offered.find(({ name }) => name === wanted) ?? offered[0];
  if (!dataset) return undefined;
  // The columns on the form are those of the dataset that was chosen before.
  const hasColumns = fields.get('columns_of') === dataset.name;
  const formats: readonly string[] = dataset.formats;
  const format = fields.get('format') ?? '';
  return {
    dataset,
    from: fields.get('from') ?? '',
    to: fields.get('to') ?? '',
    format: formats.includes(format) ? format : (formats[0] ?? ''),
    compression: COMPRESSIONS.find((name) => name === fields.get('compression')) ?? 'none',
    files: FILE_COUNTS.find((name) => name === fields.get('files')) ?? 'one',
    columns: hasColumns ? chosenColumns(dataset, fields.getAll('columns')) : null,
    recipients: fields.get('recipients') ?? '',
    parameters: Object.fromEntries(dataset.parameters.map(({ name }) => [name, fields.get(`parameter_${name}`) ?? ''])),
    filter: readFilterFields(fields, filterColumns(dataset)),
    ...readWrittenValues(fields),
  };
}

function chosenColumns({ columns }: Dataset, chosen: readonly string[]): readonly string[] | null {
  return columns.every(({ name }) => chosen.includes(name)) ? null : chosen;
}

/** The first and the last moment that an open window covers: all times that files can hold. */
const FIRST = '0001-01-01T00:00:00.000000Z';
const LAST = '9999-12-31T23:59:59.999999Z';

/**
 * Translates the form to the body of `POST /exports`, which checks the rest.
 *
 * @param zone of the times on the form
 * @returns the body, and what the form itself has wrong
 */
export function orderBody(
  form: OrderForm,
  zone: string,
): { readonly body: Readonly<Record<string, unknown>>; readonly problems: readonly FieldProblem[] } {
  const problems: FieldProblem[] = [];
  const instant = (id: 'from' | 'to') => {
    const text = form[id];
    if (text === '') return id === 'from' ? FIRST : LAST;
    const read = localInstant(text, zone, id === 'to');
    if (read === undefined)
      problems.push({ id, message: `Choose a date and a time for “${id === 'from' ? 'From' : 'To'}”` });
    return read ?? FIRST;
  };
  const from = instant('from');
  const to = instant('to');
  if (problems.length === 0 && from > to) {
    problems.push({ id: 'from', message: 'Choose a start that is not after the end' });
  }
  if (form.columns?.length === 0) problems.push({ id: 'columns', message: 'Choose at least one column' });
  const recipients = form.recipients
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  const { format, filter, isForExcel, timeZone } = form;
  return {
    body: {
      exportType: offeredName(form.dataset),
      format,
      startDate: from,
      endDate: to,
      // These are compressed inside, whatever is chosen.
      compression: OWN_COMPRESSION.includes(format) ? 'none' : form.compression,
      recipients,
      ...(form.files === 'auto' && { files: 'auto' }),
      filter: filterBody(filter),
      // Other formats have neither.
      ...(format === 'csv' && isForExcel && { csv: { preset: 'excel' } }),
      ...(format !== 'parquet' && { timeZone }),
      ...(form.columns !== null && form.columns.length > 0 && { columns: form.columns }),
      ...parameterValues(form),
    },
    problems,
  };
}

function parameterValues({ dataset, parameters }: OrderForm): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const { name, type } of dataset.parameters) {
    const text = parameters[name]?.trim() ?? '';
    if (text === '') continue;
    if (type === 'integer') values[name] = /^-?\d{1,16}$/.test(text) ? Number(text) : text;
    else values[name] = type === 'boolean' ? text === 'true' : text;
  }
  return values;
}

/**
 * @param text a local time, to the minute or the second
 * @param isEnd whether the whole minute or second is meant
 * @returns `undefined` if it is none
 */
function localInstant(text: string, zone: string, isEnd: boolean): Instant | undefined {
  try {
    const time = Temporal.PlainDateTime.from(text, { overflow: 'reject' });
    const unit = /T\d{2}:\d{2}$/.test(text) ? 'minutes' : 'seconds';
    const last = isEnd ? time.add({ [unit]: 1 }) : time;
    const micros = last.toZonedDateTime(zone).epochNanoseconds / 1000n;
    return instantFromMicros(isEnd ? micros - 1n : micros);
  } catch {
    return undefined;
  }
}

/** Fields of the body whose control has another id. */
const IDS: Readonly<Record<string, string>> = {
  ...{ startDate: 'from', endDate: 'to', exportType: 'dataset', timeZone: 'time_zone', csv: 'csv_preset' },
};

/** @returns what the API found wrong with the body, at the controls of the form */
export function formProblems(errors: readonly FieldError[], { dataset }: OrderForm): readonly FieldProblem[] {
  return errors.map((error) => {
    const ofFilter = filterProblem(error);
    if (ofFilter) return ofFilter;
    const { field, message } = error;
    const [name = '', place] = field.split('.');
    const text = message.replace(/^[\w.]+: /, '');
    if (name === 'recipients' && place !== undefined) {
      return { id: 'recipients', message: `Line ${Number(place) + 1}: ${text}` };
    }
    const isParameter = dataset.parameters.some((parameter) => parameter.name === name);
    return { id: isParameter ? `parameter-${name}` : (IDS[name] ?? name), message: text };
  });
}
