import { createHash } from 'node:crypto';
import type { z } from '@hono/zod-openapi';
import { type Catalog, type Dataset, offeredName } from '../../config/dataset.ts';
import { FAILURES, WaybillError } from '../../contracts/failures.ts';
import { type Instant, parseInstant } from '../../contracts/instant.ts';
import { onDemandWorkflowId } from '../../contracts/job-id.ts';
import { assertDataset, type Limits } from '../../contracts/limits.ts';
import {
  CSV_DEFAULTS,
  CSV_PRESET_NAMES,
  CSV_PRESETS,
  type CsvOptions,
  FORMATS,
  type Format,
  hasOwnCompression,
  type Order,
} from '../../contracts/order.ts';
import { resolveTimeZone } from '../../contracts/recurrence.ts';
import { type CsvBody, OrderFields } from '../../contracts/views/on-demand.ts';
import { parseRecipient, parseRecipients } from '../../streams/age/keys.ts';
import { assertValid, type FieldError, fieldErrorsOf, InvalidFields } from '../http/field-errors.ts';
import { readFilter } from '../runs/filter.ts';
import type { NamedOrder } from '../runs/submit.ts';
import { offeredDatasets, readParameters } from './parameters.ts';

/** Temporal's limit for a workflow id, which contains the complete order. */
const WORKFLOW_ID_BYTES_MAX = 1000;

/** Hex characters. A tenant may order many filters of one window. */
const FILTER_DIGEST_LENGTH = 16;

/** Hex characters. 48 bits are enough for the few sets of options that one tenant uses for one window. */
const DIGEST_LENGTH = 12;

export interface OrderRules {
  readonly catalog: Catalog;
  /** Days to keep files, by default and at most. */
  readonly keepDaysMax: number;
  /** Of the credential that orders. */
  readonly limits: Limits;
}

type Common = z.infer<typeof OrderFields>;

/** A named order, and who else is told of its end. */
export interface OrderRequest extends NamedOrder {
  readonly callbackUrl: string | undefined;
}

/**
 * Parses the body of `POST /exports`.
 * @throws WaybillError `malformed_body` if it is not an object, `outside_limits`; InvalidFields with all errors
 */
export function parseOrder(body: unknown, tenant: string, rules: OrderRules): OrderRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new WaybillError('malformed_body', 'The body should be one JSON object.');
  }
  const fields = new Map(Object.entries(body));
  const common: Record<string, unknown> = {};
  for (const name of Object.keys(OrderFields.shape)) {
    if (fields.has(name)) common[name] = fields.get(name);
    fields.delete(name);
  }
  if ('csv' in common) common.csv = withPreset(common.csv);
  const read = OrderFields.safeParse(common);
  const errors: FieldError[] = read.success ? [] : [...fieldErrorsOf(read.error, common)];
  const isValid = (name: keyof Common) => !errors.some(({ field }) => field === name || field.startsWith(`${name}.`));

  const dataset = isValid('exportType') ? findDataset(rules.catalog, String(common.exportType), errors) : undefined;
  const format = isValid('format') ? findFormat(String(common.format), dataset, errors) : undefined;
  const { parameters, errors: parameterErrors } = readParameters(rules.catalog, dataset, fields);
  errors.push(...parameterErrors);
  const from = isValid('startDate') ? readDate('startDate', String(common.startDate), errors) : undefined;
  const to = isValid('endDate') ? readDate('endDate', String(common.endDate), errors) : undefined;
  if (from !== undefined && to !== undefined && from > to) {
    errors.push({
      field: 'startDate',
      code: 'reversed_window',
      message: 'startDate is after endDate. Send a startDate at or before endDate.',
    });
  }
  if (read.success) errors.push(...optionErrors(read.data, dataset, format, rules));
  const { filter, errors: filterErrors } =
    read.success && dataset ? readFilter(read.data.filter, dataset) : { filter: [], errors: [] };
  errors.push(...filterErrors);

  if (dataset) assertDataset(rules.limits, dataset.name);
  assertValid(errors);
  if (!read.success || !dataset || !format || !from || !to) throw new WaybillError('internal');
  const { columns, compression, recipients, csv, timeZone, keepDays, files } = read.data;
  const rowsPerFile = read.data.rowsPerFile ?? (files === 'auto' ? files : undefined);
  const zone = resolveTimeZone(timeZone);
  const order: Order = {
    tenant,
    dataset: dataset.name,
    window: { from, to, bounds: 'inclusive' },
    parameters,
    ...(filter.length > 0 && { filter }),
    format,
    csv: csv ? csvOptions(csv) : CSV_DEFAULTS,
    ...(zone !== 'UTC' && { timeZone: zone }),
    columns,
    compression,
    ...(rowsPerFile !== undefined && { rowsPerFile }),
    recipients: [...parseRecipients(recipients)].sort(),
    keepDays: keepDays ?? rules.keepDaysMax,
  };
  return { ...nameOrder(order, rules), callbackUrl: read.data.callbackUrl };
}

/** @throws InvalidFields if a parameter is too long for a workflow id */
export function nameOrder(order: Order, rules: Pick<OrderRules, 'keepDaysMax'>): NamedOrder {
  const workflowId = onDemandWorkflowId(order, {
    filter: order.filter ? digest(JSON.stringify(order.filter), FILTER_DIGEST_LENGTH) : '',
    options: optionsDigest(order, rules.keepDaysMax),
  });
  if (Buffer.byteLength(workflowId) > WORKFLOW_ID_BYTES_MAX) {
    const [longest = 'exportType'] = Object.keys(order.parameters).sort(
      (a, b) => String(order.parameters[b]).length - String(order.parameters[a]).length,
    );
    const message = `${longest} is too long. Send a shorter value.`;
    throw new InvalidFields([{ field: longest, code: 'invalid_field', message }]);
  }
  return { order, workflowId };
}

/**
 * Short hash of the options that are not part of the published contract, or `''` if all have their defaults.
 * @param keepDaysDefault days to keep files by default
 */
function optionsDigest(order: Order, keepDaysDefault: number): string {
  const options = {
    compression: order.compression === 'none' ? undefined : order.compression,
    recipients: order.recipients.length === 0 ? undefined : order.recipients,
    columns: order.columns ?? undefined,
    csv: csvText(order.csv) === csvText(CSV_DEFAULTS) ? undefined : order.csv,
    keepDays: order.keepDays === keepDaysDefault ? undefined : order.keepDays,
    timeZone: order.timeZone,
    rowsPerFile: order.rowsPerFile,
  };
  const text = JSON.stringify(options);
  return text === '{}' ? '' : digest(text, DIGEST_LENGTH);
}

function digest(text: string, length: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length);
}

function csvText(csv: CsvOptions): string {
  const { header, delimiter, bom, nullText, formulaGuard, decimalComma = false, crlf = false } = csv;
  return JSON.stringify([header, delimiter, bom, nullText, formulaGuard, decimalComma, crlf]);
}

/** @param csv the field as it was sent @returns it with the defaults of its preset */
function withPreset(csv: unknown): unknown {
  if (typeof csv !== 'object' || csv === null || !('preset' in csv)) return csv;
  const preset = CSV_PRESET_NAMES.find((name) => name === csv.preset);
  return preset ? { ...CSV_PRESETS[preset], ...csv } : csv;
}

function csvOptions({ preset: _, decimalComma, crlf, ...csv }: z.infer<typeof CsvBody>): CsvOptions {
  return { ...csv, ...(decimalComma && { decimalComma }), ...(crlf && { crlf }) };
}

function findDataset(catalog: Catalog, name: string, errors: FieldError[]): Dataset | undefined {
  const offered = offeredDatasets(catalog);
  const dataset = offered.find((candidate) => offeredName(candidate).toLowerCase() === name.toLowerCase());
  if (dataset) return dataset;
  const allowed = offered.map(offeredName);
  const message = `Unknown export type. Use one of ${allowed.join(', ')}.`;
  errors.push({ field: 'exportType', code: 'unknown_dataset', message, allowed });
  return undefined;
}

function findFormat(text: string, dataset: Dataset | undefined, errors: FieldError[]): Format | undefined {
  const format = FORMATS.find((candidate) => candidate === text.toLowerCase());
  const offered: readonly Format[] = dataset?.formats ?? FORMATS;
  const allowed = offered.map((candidate) => candidate.toUpperCase());
  if (!format) {
    const message = `Unknown format. Use one of ${allowed.join(', ')}.`;
    errors.push({ field: 'format', code: 'unknown_format', message, allowed });
  } else if (!offered.includes(format)) {
    const message = `The export type is not offered as ${format.toUpperCase()}. Use ${allowed.join(' or ')}.`;
    errors.push({ field: 'format', code: 'format_not_offered', message, allowed });
  }
  return format;
}

function readDate(field: 'startDate' | 'endDate', text: string, errors: FieldError[]): Instant | undefined {
  const instant = text.length <= 64 ? parseInstant(text) : undefined;
  if (instant === undefined) {
    errors.push({ field, code: 'invalid_date', message: `${field} is not a date. ${FAILURES.invalid_date.advice}` });
  }
  return instant;
}

function optionErrors(
  { columns, compression, csv, timeZone, rowsPerFile, files, keepDays, recipients }: Common,
  dataset: Dataset | undefined,
  format: Format | undefined,
  { keepDaysMax }: OrderRules,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  const invalid = (field: string, message: string) => errors.push({ field, code: 'invalid_field', message });
  if (csv && format && format !== 'csv') invalid('csv', 'csv: Only valid for the format CSV. Leave it out.');
  if (format && hasOwnCompression(format) && compression !== 'none') {
    invalid('compression', `compression: ${format.toUpperCase()} has its own compression. Leave it out.`);
  }
  if (format === 'parquet' && resolveTimeZone(timeZone) !== 'UTC') {
    invalid('timeZone', 'timeZone: Parquet has instants, without time zone. Leave it out.');
  }
  if (csv?.nullText.includes(csv.delimiter)) {
    invalid('csv.nullText', 'csv.nullText: Should not contain the delimiter.');
  }
  if (rowsPerFile !== undefined && files !== undefined) {
    invalid('files', 'files: Leave it out where rowsPerFile says how they are divided.');
  }
  if (rowsPerFile !== undefined && dataset && !isDivisible(dataset)) {
    invalid('rowsPerFile', `rowsPerFile: ${offeredName(dataset)} has no times to divide its rows by. Leave it out.`);
  }
  if (keepDays !== undefined && keepDays > keepDaysMax) {
    invalid('keepDays', `keepDays: Should be at most ${keepDaysMax}.`);
  }
  errors.push(...recipientErrors(recipients));
  if (columns && dataset) errors.push(...columnErrors(columns, dataset));
  return errors;
}

/** Whether rows of the dataset have times to divide them by. */
function isDivisible({ createdColumn, modifiedColumn }: Dataset): boolean {
  return createdColumn !== null || modifiedColumn !== null;
}

function columnErrors(columns: readonly string[], dataset: Dataset): readonly FieldError[] {
  const allowed = dataset.columns.map(({ name }) => name);
  if (columns.length > allowed.length) {
    const message = `columns: ${offeredName(dataset)} has ${allowed.length} columns. Name each at most once.`;
    return [{ field: 'columns', code: 'invalid_field', message, allowed }];
  }
  return columns.flatMap((name, index): readonly FieldError[] => {
    const field = `columns.${index}`;
    if (!allowed.includes(name)) {
      const message = `${offeredName(dataset)} has no such column. Its columns are ${allowed.join(', ')}.`;
      return [{ field, code: 'unknown_column', message, allowed }];
    }
    if (columns.indexOf(name) === index) return [];
    return [{ field, code: 'invalid_field', message: `${field}: ${name} is a duplicate.` }];
  });
}

/** Checks each recipient, then the list, whose recipients must all be of the same type. */
function recipientErrors(recipients: readonly string[]): readonly FieldError[] {
  const check = (field: string, parse: () => unknown): FieldError[] => {
    try {
      parse();
      return [];
    } catch (error) {
      if (!(error instanceof WaybillError)) throw error;
      return [{ field, code: error.code, message: error.message }];
    }
  };
  const errors = recipients.flatMap((text, index) => check(`recipients.${index}`, () => parseRecipient(text)));
  return errors.length > 0 ? errors : check('recipients', () => parseRecipients(recipients));
}
