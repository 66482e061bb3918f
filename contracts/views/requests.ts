import { z } from 'zod';
import { RequestedFilter } from '../filter.ts';
import { CSV_PRESET_NAMES } from '../order.ts';
import { isTimeZone } from '../recurrence.ts';
import { REQUEST_FORMATS, REQUEST_STATES } from '../requests.ts';

const flag = z.union([z.literal(0), z.literal(1)]);
const datetime = z.string().describe('UTC, such as 2026-11-23 21:14:05.');

export const RealmsAnswer = z
  .object({
    success: z.literal(true),
    data: z.array(
      z.object({
        id: z.string().describe('What a request names.'),
        name: z.string(),
        fields: z.array(
          z.object({
            name: z.string(),
            alias: z.string(),
            display: z.string().describe('Header in the file.'),
            anonymize: z.boolean().describe('Whether the file has keyed hashes instead of the values.'),
            documentation: z.string(),
          }),
        ),
      }),
    ),
    total: z.int(),
  })
  .meta({ id: 'Realms' });

const RequestRow = z.object({
  id: z.int(),
  realm: z.string(),
  start_date: z.iso.date(),
  end_date: z.iso.date(),
  export_succeeded: flag.nullable().describe('null: not fulfilled yet.'),
  export_expired: flag,
  export_expires_datetime: datetime.nullable(),
  export_created_datetime: datetime.nullable(),
  export_file_format: z.enum(REQUEST_FORMATS),
  requested_datetime: datetime,
  downloaded_datetime: datetime.nullable(),
  state: z.enum(REQUEST_STATES),
});
export type RequestRow = z.infer<typeof RequestRow>;

export const RequestsAnswer = z
  .object({ success: z.literal(true), data: z.array(RequestRow), total: z.int().describe('Length of data.') })
  .meta({ id: 'Requests' });

/** Fields of the form; JSON with the same members is taken as well. */
export const RequestForm = z.object({
  realm: z.string().describe('Id of a realm.'),
  start_date: z.string().meta({ example: '2016-01-01' }).describe('The first day, in UTC.'),
  end_date: z.string().meta({ example: '2016-12-31' }).describe('The last day, included; at most 365 days later.'),
  format: z.string().meta({ example: 'CSV' }).describe('CSV, JSON, XLSX or PARQUET, in any case.'),
  filter: RequestedFilter.meta({ description: 'Conditions on columns that all must hold. In a form, as JSON text.' }),
  csv_preset: z
    .enum(CSV_PRESET_NAMES, `Should be ${CSV_PRESET_NAMES.join(' or ')}.`)
    .optional()
    .describe('excel: CSV that Excel opens by a double click where numbers have a decimal comma.'),
  time_zone: z
    .string()
    .max(64, 'Should have at most 64 characters.')
    .refine(isTimeZone, 'Should be an IANA time zone such as Europe/Amsterdam.')
    .default('UTC')
    .describe('IANA time zone in which timestamps are written. The days of the request stay those of UTC.'),
});
export type RequestForm = z.infer<typeof RequestForm>;

export const ChangedAnswer = z
  .object({
    success: z.literal(true),
    message: z.string(),
    data: z.array(z.object({ id: z.int() })),
    total: z.int(),
  })
  .meta({ id: 'ChangedRequests' });

export const RequestError = z
  .object({
    success: z.literal(false),
    count: z.literal(0),
    total: z.literal(0),
    totalCount: z.literal(0),
    results: z.array(z.unknown()).max(0),
    data: z.array(z.unknown()).max(0),
    message: z.string(),
    code: z.int().describe('2: not logged in; otherwise 0.'),
  })
  .meta({ id: 'RequestError' });
