import { z } from 'zod';
import { Filter, RequestedFilter } from '../filter.ts';
import { COMPRESSIONS, CSV_DEFAULTS, CSV_PRESET_NAMES, FORMATS } from '../order.ts';
import { EXPORT_STATES } from '../progress.ts';
import { isTimeZone } from '../recurrence.ts';
import { failureCode } from './problem.ts';
import { webhookUrl } from './webhooks.ts';

const instant = (description: string) => z.string().meta({ description, example: '2012-09-05T11:12:47.000Z' });

/** Maximum number of age recipients of one order. */
const RECIPIENTS_MAX = 16;
/** Maximum length of one recipient; a post-quantum one has about 2,000 characters. */
const RECIPIENT_LENGTH_MAX = 4096;

export const CsvBody = z
  .strictObject({
    preset: z
      .enum(CSV_PRESET_NAMES, `Should be one of ${CSV_PRESET_NAMES.join(', ')}.`)
      .optional()
      .meta({
        description:
          'Other defaults for the members below. excel: delimiter ;, byte order mark, decimal comma, CRLF and formula guard.',
      }),
    header: z.boolean().default(CSV_DEFAULTS.header).meta({ description: 'Whether the first line names the columns.' }),
    delimiter: z
      .string()
      .regex(/^[\x20-\x7e\t]$/, 'Should be one printable ASCII character or a tab.')
      .refine((text) => text !== '"', 'Should not be a double quote.')
      .default(CSV_DEFAULTS.delimiter)
      .meta({ description: 'One ASCII character between values.', example: ',' }),
    bom: z.boolean().default(CSV_DEFAULTS.bom).meta({ description: 'Begin with the UTF-8 byte order mark.' }),
    nullText: z
      .string()
      .max(32, 'Should have at most 32 characters.')
      .refine((text) => !/["\p{Cc}]/u.test(text), 'Should contain neither double quotes nor control characters.')
      .refine((text) => text.isWellFormed(), 'Should be well-formed Unicode.')
      .default(CSV_DEFAULTS.nullText)
      .meta({ description: 'How NULL is written.', pattern: '^[^"\\u0000-\\u001f\\u007f-\\u009f]*$' }),
    formulaGuard: z.boolean().default(CSV_DEFAULTS.formulaGuard).meta({
      description: 'Put an apostrophe before text that a spreadsheet would run as a formula.',
    }),
    decimalComma: z
      .boolean()
      .default(false)
      .meta({ description: 'Write decimal and double numbers with a comma instead of the point.' }),
    crlf: z.boolean().default(false).meta({ description: 'End lines in CRLF instead of LF.' }),
  })
  .meta({ id: 'CsvOptions' });

/** How many files an order may have. */
export const FILE_COUNTS = ['one', 'auto'] as const;

/** The fields of every order. A dataset's own parameters are further fields, by name. */
export const OrderFields = z.object({
  startDate: instant('ISO 8601, any offset, up to microseconds. Inclusive.'),
  endDate: instant('ISO 8601, any offset, up to microseconds. Inclusive.'),
  exportType: z
    .string()
    .meta({ description: 'Name of a dataset, case-insensitive.', example: 'ELEARNING_ENROLLMENTS' }),
  format: z.string().meta({
    description:
      'CSV, JSONL, XLSX or PARQUET, case-insensitive. The last two are a single file with its own compression.',
    example: 'CSV',
  }),
  compression: z.enum(COMPRESSIONS, `Should be one of ${COMPRESSIONS.join(', ')}.`).default('none'),
  recipients: z
    .array(z.string().max(RECIPIENT_LENGTH_MAX))
    .max(RECIPIENTS_MAX, `Should have at most ${RECIPIENTS_MAX} recipients.`)
    .default([])
    .meta({ description: 'age public keys to seal the file to.', example: [] }),
  columns: z
    .array(z.string())
    .min(1, 'Should name at least one column, or be omitted.')
    .nullable()
    .default(null)
    .meta({ description: 'Names of the columns to export, in order. All if omitted.' }),
  filter: RequestedFilter,
  timeZone: z
    .string()
    .max(64, 'Should have at most 64 characters.')
    .refine(isTimeZone, 'Should be an IANA time zone such as Europe/Amsterdam.')
    .default('UTC')
    .meta({
      description: 'IANA time zone in which timestamps are written, with their offset. Dates stay as they are.',
      example: 'UTC',
    }),
  csv: CsvBody.optional(),
  rowsPerFile: z.int('Should be a whole number of rows.').min(1, 'Should be at least 1.').optional().meta({
    description:
      'Divide the rows over several files, each complete in itself, of at most so many rows; rows of the same time stay together.',
  }),
  files: z
    .enum(FILE_COUNTS, `Should be one of ${FILE_COUNTS.join(', ')}.`)
    .optional()
    .meta({
      description:
        'auto: several files if there are more rows than the deployment puts into one. Without it, and without rowsPerFile: one.',
    }),
  keepDays: z.int('Should be a whole number of days.').min(1, 'Should be at least 1.').optional().meta({
    description: 'Days to keep the file. The operator’s limit is both the maximum and the default.',
  }),
  callbackUrl: webhookUrl.optional().meta({
    description:
      'Where the end of this export is sent, signed with the secret of `PUT /webhooks`. Not part of what is requested: equal ' +
      'requests are one export, and each of their addresses is called.',
    example: 'https://example.com/waybill',
  }),
});

export const OrderBody = OrderFields.catchall(z.union([z.string(), z.number(), z.boolean()])).meta({
  id: 'ExportRequest',
  description: "A dataset's own parameters are further fields, for example learningActivityId.",
  example: {
    startDate: '2012-09-05T11:12:47.000Z',
    endDate: '2015-05-28T17:39:23.000Z',
    exportType: 'LEARNING_ACTIVITY_INTERACTIONS',
    format: 'JSONL',
    learningActivityId: 12345,
  },
});

export const Accepted = z.object({ job: z.object({ id: z.string() }) }).meta({ id: 'ExportAccepted' });

export const ExportData = z
  .object({ downloadUrl: z.string(), downloadExpiresAt: z.string() })
  .meta({ id: 'ExportData', description: 'A link that works without credentials until it expires.' });

export const STATUSES = ['PENDING', 'COMPLETED', 'FAILED'] as const;

export const JobStatus = z
  .object({
    job: z.object({ id: z.string(), status: z.enum(STATUSES), exportData: ExportData.optional() }),
    exportData: ExportData.optional(),
    errors: z.array(z.object({ key: failureCode, message: z.string() })),
  })
  .meta({
    id: 'JobStatus',
    description:
      '`exportData` is present, in both places, while the status is COMPLETED. A cancelled export is FAILED with the key ' +
      '`cancelled`; one whose files have expired or were deleted is FAILED with the key `gone`.',
  });

export const ProgressView = z
  .object({
    percent: z.number().int().min(0).max(100).meta({ description: '100 only once the manifest is written.' }),
    rowsDone: z.number().int(),
    rowsTotal: z.number().int().nullable(),
    contentBytes: z.number().int().meta({ description: 'Bytes formatted, before compression and sealing.' }),
    storedBytes: z.number().int(),
    partsDone: z.number().int(),
    partsTotal: z.number().int().nullable(),
    final: z.boolean().meta({ description: 'While false, rows and bytes of running parts are estimates.' }),
  })
  .meta({ id: 'Progress', description: 'Never falls.' });

export const ExportView = z
  .object({
    id: z.string().meta({ description: 'The job id.' }),
    exportId: z.uuid(),
    status: z.enum(STATUSES),
    state: z.enum(EXPORT_STATES),
    dataset: z.string(),
    format: z.enum(FORMATS),
    compression: z.enum(COMPRESSIONS),
    recipients: z.array(z.string()),
    window: z.object({ from: instant('Included.'), to: instant('Included.') }),
    parameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    filter: Filter,
    timeZone: z.string().meta({ example: 'UTC' }),
    rowsPerFile: z
      .union([z.int(), z.literal('auto')])
      .nullable()
      .meta({ description: 'null: one file, whatever its size.' }),
    snapshotAt: z.string().nullable(),
    progress: ProgressView,
    manifest: z
      .object({
        rows: z.number().int(),
        bytes: z.number().int(),
        contentBytes: z.number().int(),
        parts: z.number().int(),
        files: z.number().int().meta({ description: 'More than one only if the order asked for several.' }),
        file: z.string().meta({
          description: 'Its name; of several files, that of the zip of all.',
          example: 'flights.csv.zst.age',
        }),
      })
      .nullable(),
    failure: z.object({ code: failureCode, message: z.string() }).nullable(),
    requestedAt: z.string(),
    startedAt: z.string().nullable(),
    endedAt: z.string().nullable(),
    expiresAt: z.string().nullable(),
    downloadUrl: z.string().nullable().meta({ description: 'A signed link; null in lists and unless completed.' }),
    downloadExpiresAt: z.string().nullable(),
  })
  .meta({ id: 'Export' });
export type ExportView = z.infer<typeof ExportView>;

export const ExportFile = z
  .object({
    name: z.string().meta({ example: 'flights-0001.csv.zst.age' }),
    rows: z.number().int(),
    bytes: z.number().int(),
    sha256: z.string().nullable().meta({ description: 'Of the stored file; null if it is in several parts.' }),
    slice: z.object({ from: z.string().nullable(), to: z.string().nullable() }).nullable().meta({
      description: 'Which rows of the window it has, by the time they changed last; from included, to not. null: all.',
    }),
    downloadUrl: z.string().nullable().meta({ description: 'A signed link.' }),
  })
  .meta({ id: 'ExportFile' });
export type ExportFile = z.infer<typeof ExportFile>;

export const ExportFiles = z
  .object({ items: z.array(ExportFile), downloadExpiresAt: z.string().nullable() })
  .meta({ id: 'ExportFiles', description: 'In the order of their rows.' });

export const ExportList = z
  .object({
    items: z.array(ExportView),
    next: z.string().nullable().meta({ description: 'Cursor of the next page.' }),
  })
  .meta({ id: 'ExportList' });

export const ListQuery = z.object({
  status: z.string().optional().meta({
    description:
      'PENDING, COMPLETED, FAILED, or a state: pending, running, completed, failed, cancelled, expired, deleted.',
  }),
  dataset: z.string().optional(),
  cursor: z.string().optional().meta({ description: '`next` of the previous page.', minLength: 1 }),
  limit: z.string().optional().meta({ description: '1 to 200.', example: '50', pattern: '^[1-9][0-9]{0,2}$' }),
});

/** @param id export id or job id; job ids contain `+`, `/` and `=` */
export function exportPath(id: string, rest = ''): string {
  return `exports/${encodeURIComponent(id)}${rest}`;
}
