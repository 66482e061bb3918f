import { z } from 'zod';
import { DAY, FREQUENCIES, isTimeZone, TIME_OF_DAY } from '../recurrence.ts';
import { failureCode } from './problem.ts';

export const EXPORT_PATH = '/export';
export const FULL_LOAD_PATH = '/export/full-load';
export const RUNS_PATH = '/export/runs';

/** @returns path at which a run is acknowledged */
export function ackPath(runId: string): string {
  return `${RUNS_PATH}/${runId}/ack`;
}

/** @returns path of the manifest of a run; its signature is below it */
export function runManifestPath(runId: string): string {
  return `${RUNS_PATH}/${runId}/manifest`;
}

/** @returns path of a file of a run. @param file its name in the manifest */
export function runFilePath(runId: string, file: string): string {
  return `${RUNS_PATH}/${runId}/files/${encodeURIComponent(file)}`;
}

export const EXPORT_OPTIONS = ['export all', 'export selected', 'disable export'] as const;

/** Longest name of an entity, and most of them, that a request may hold. */
const NAME_LENGTH_MAX = 200;
const NAMES_MAX = 1000;
/** Longest name of a time zone; the longest has about 30 characters. */
const TIME_ZONE_LENGTH_MAX = 64;

/** 31 days. */
const ACK_HOURS_MAX = 744;

const time = (description: string) => z.string().meta({ description, example: '2026-11-21T01:30:00.000Z' });
const count = z.number().int().min(0);

const entityList = z
  .union([z.array(z.string().max(NAME_LENGTH_MAX)).max(NAMES_MAX), z.string().max(NAME_LENGTH_MAX * NAMES_MAX)], {
    error: 'Should be an array of names, or a text of names separated by commas.',
  })
  .optional()
  .meta({
    description: 'Names of entities, as an array or separated by commas. Needed for `export selected`.',
    example: ['user', 'user logins'],
  });
const from = z.string().max(NAME_LENGTH_MAX).optional().meta({
  description: 'Where complete loads begin, ISO 8601. Defaults to the first row.',
  example: '2024-01-01',
});

export const RegisterBody = z
  .strictObject({
    exportOption: z.enum(EXPORT_OPTIONS).default('export selected').meta({
      description:
        '`export all`: every entity; `export selected`: those of `entityList`; `disable export`: none from now on.',
    }),
    entityList,
    frequency: z.enum(FREQUENCIES).default('daily').meta({
      description: 'Every day, every Monday, or on the 1st of each month.',
    }),
    at: z.string().regex(TIME_OF_DAY, 'Should be a time of day such as 01:30.').optional().meta({
      description: 'When a run is due. Defaults to the operator’s setting.',
      example: '01:30',
    }),
    timeZone: z
      .string()
      .max(TIME_ZONE_LENGTH_MAX)
      .refine(isTimeZone, 'Should be an IANA time zone such as Europe/Amsterdam.')
      .optional()
      .meta({ description: 'IANA time zone of `at`, and of the days in paths.', example: 'Europe/Amsterdam' }),
    jitterMinutes: z.int().min(0).max(1439).optional().meta({
      description: 'Runs begin up to this many minutes late, so that not all begin at once. Windows stay the same.',
    }),
    ackHours: z.int().min(1).max(ACK_HOURS_MAX).optional().meta({
      description: 'Hours after a run in which it should be acknowledged; else the contacts get an e-mail.',
    }),
    from,
  })
  .meta({ id: 'RecurringRegistrationRequest' });

export const FullLoadBody = z
  .strictObject({
    exportOption: z.enum(['export all', 'export selected']).default('export selected').meta({
      description: '`export all`: every registered entity; `export selected`: those of `entityList`.',
    }),
    entityList,
    from,
  })
  .meta({ id: 'RecurringFullLoadRequest' });

export const RunBody = z
  .strictObject({
    day: z.string().regex(DAY, 'Should be a day such as 2026-11-21.').optional().meta({
      description: 'Makes the files of this day again. Without it, a run exports what has changed so far.',
      example: '2026-11-21',
    }),
  })
  .meta({ id: 'RecurringRunRequest' });

export const AckBody = z
  .strictObject({
    files: z
      .array(
        z.strictObject({
          entity: z.string().max(NAME_LENGTH_MAX).meta({ description: 'As runs and paths name it.', example: 'user' }),
          rows: count,
          sha256: z
            .string()
            .regex(/^[0-9a-f]{64}$/)
            .meta({ description: 'Of the CSV file, lower-case hex.' }),
        }),
      )
      .max(NAMES_MAX)
      .meta({ description: 'The file of rows of every entity that was received.' }),
  })
  .meta({ id: 'RecurringAckRequest' });

/** Every answer says how it went, in words too. */
const answer = <Result extends z.ZodType>(id: string, result: Result) =>
  z.object({ status: z.literal('success'), message: z.string(), result }).meta({ id });

export const RegisteredAnswer = answer(
  'RecurringRegistered',
  z.object({
    tenant_code: z.string(),
    entities: z.array(z.string()),
    count,
    grouped_by: z.literal('tenant_code'),
    is_active: z.boolean(),
    frequency: z.enum(FREQUENCIES),
    status: z.enum(['registered', 'disabled']),
  }),
);

const Failure = z.object({ code: failureCode, message: z.string() });

export const AckAnswer = answer(
  'RecurringAck',
  z.object({ run_id: z.uuid(), day: z.string(), count, status: z.literal('matched') }),
);

export const RegistrationsAnswer = answer(
  'RecurringRegistrations',
  z.object({
    nextPageToken: z.string().meta({ description: 'Always empty: all entities are on one page.' }),
    listOfItems: z.array(
      z.object({
        tenant_code: z.string(),
        entity: z.string(),
        grouped_by: z.literal('tenant_code'),
        is_active: z.boolean(),
        frequency: z.enum(FREQUENCIES),
        columns_list: z.array(z.string()),
        registered_at: time('When it was registered.'),
        updated_at: time('When that changed last.'),
        delivered_until: z.string().nullable().meta({
          description: 'All that changed before this moment has been delivered; `null`: nothing has.',
        }),
        full_load_queued: z.boolean().meta({ description: 'Whether the next run loads it completely.' }),
        held: Failure.nullable().meta({
          description: 'Why it is not exported until the operator accepts its columns.',
        }),
        last_error: Failure.nullable().meta({ description: 'Why its last run failed; `null`: it did not.' }),
      }),
    ),
  }),
);

export const FullLoadAnswer = answer(
  'RecurringFullLoad',
  z.object({ entities: z.array(z.string()), count, status: z.literal('full_load_queued') }),
);

export const RunStartedAnswer = answer(
  'RecurringRunStarted',
  z.object({ run_id: z.uuid(), day: z.string().nullable(), status: z.literal('run_started') }),
);

export const RunView = z
  .object({
    run_id: z.uuid(),
    day: z.string().regex(DAY).meta({ description: 'The day in the path of its files.' }),
    state: z.enum(['running', 'delivered', 'replaced', 'expired', 'failed', 'cancelled']),
    started_at: time('When it began.'),
    ended_at: z.string().nullable(),
    rows: count.nullable(),
    bytes: count.nullable(),
    manifest_sha256: z.string().nullable(),
    error: Failure.nullable(),
    acknowledgement: z
      .object({ at: z.string(), matched: z.boolean(), differences: z.array(z.string()) })
      .nullable()
      .meta({ description: 'What the tenant said last about the files; `null`: nothing yet.' }),
    files: z.array(
      z.object({
        entity: z.string(),
        load: z.enum(['complete', 'delta']),
        window: z.object({ from: z.string().nullable(), to: z.string() }).meta({
          description: 'Rows that changed last in it: `from` included, `to` not. From `null`: the first row.',
        }),
        rows: count.nullable(),
        error: Failure.nullable(),
      }),
    ),
  })
  .meta({ id: 'RecurringRun' });
export type RecurringRunView = z.infer<typeof RunView>;

export const RunsAnswer = answer(
  'RecurringRuns',
  z.object({
    nextPageToken: z.string().meta({ description: 'Send it back as `pageToken`; empty at the end.' }),
    listOfItems: z.array(RunView),
  }),
);

/** The body of every refusal but those of a missing or insufficient credential. */
export const RecurringError = z
  .object({
    status: z.literal('error'),
    code: failureCode,
    message: z.string(),
    errors: z.array(z.object({ field: z.string(), message: z.string() })),
  })
  .meta({ id: 'RecurringError' });
