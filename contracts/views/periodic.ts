import { z } from 'zod';
import { isTimeZone, TIME_OF_DAY } from '../recurrence.ts';
import { ProgressView } from './on-demand.ts';
import { failureCode } from './problem.ts';

/** Maximum length of one recipient; a post-quantum one has about 2,000 characters. */
const RECIPIENT_LENGTH_MAX = 4096;
/** Maximum length of a time zone's name; the longest has about 30 characters. */
const TIME_ZONE_LENGTH_MAX = 64;

const time = (description: string) => z.string().meta({ description, example: '2026-11-21T01:30:00.000Z' });
const count = z.number().int().min(0);

/** Which key to seal the files to. */
export const KeyBody = z
  .strictObject({
    recipient: z.string().max(RECIPIENT_LENGTH_MAX).optional().meta({
      description:
        'Your own age public key (age1…). The server then makes no private key, and only you can open the files.',
    }),
    postQuantum: z
      .boolean()
      .optional()
      .meta({ description: 'Make a post-quantum key. Cannot be combined with `recipient`.' }),
  })
  .meta({ id: 'PeriodicKeyRequest' });

export const EnableBody = KeyBody.extend({
  at: z
    .string()
    .regex(TIME_OF_DAY, 'Should be a time of day such as 01:30.')
    .optional()
    .meta({ description: 'When the daily run begins. Defaults to the operator’s setting.', example: '01:30' }),
  timeZone: z
    .string()
    .max(TIME_ZONE_LENGTH_MAX)
    .refine(isTimeZone, 'Should be an IANA time zone such as Europe/Amsterdam.')
    .optional()
    .meta({ description: 'IANA time zone of `at`.', example: 'Europe/Amsterdam' }),
}).meta({ id: 'PeriodicEnableRequest' });

export const EnabledAnswer = z
  .object({
    enabled: z.literal(true),
    privateKey: z
      .string()
      .nullable()
      .meta({
        description:
          'The age identity that opens the files. Shown only once and stored nowhere: keep it. `null` if the ' +
          'recipient is your own or unchanged.',
        example: 'AGE-SECRET-KEY-1…',
      }),
    recipient: z.string().meta({ description: 'The age public key that the files are sealed to.' }),
    hint: z.string().optional().meta({ description: 'What may differ from what you expect.' }),
  })
  .meta({ id: 'PeriodicEnabled' });
export type EnabledAnswer = z.infer<typeof EnabledAnswer>;

export const DisabledAnswer = z.object({ enabled: z.literal(false) }).meta({ id: 'PeriodicDisabled' });
export type DisabledAnswer = z.infer<typeof DisabledAnswer>;

const size = z
  .object({
    bytes: count.meta({ description: 'As stored, sealed.' }),
    contentBytes: count.meta({ description: 'As downloaded.' }),
  })
  .meta({ id: 'PeriodicFileSize' });

const GenerationView = z
  .object({
    generationId: z.uuid(),
    snapshotAt: time('The time at which all files were read: none contains anything later.'),
    publishedAt: z.string().nullable(),
    rows: count.meta({ description: 'Sum over the files.' }),
    bytes: count.meta({ description: 'Sum over all stored objects.' }),
    files: z.array(z.object({ file: z.string(), rows: count, csv: size, json: size })),
  })
  .meta({ id: 'PeriodicGeneration' });

export const PeriodicView = z
  .object({
    enabled: z.boolean(),
    recipient: z
      .string()
      .nullable()
      .meta({ description: 'The age public key that files are sealed to; null: never enabled, or deleted since.' }),
    ownRecipient: z.boolean().meta({ description: 'Whether you supplied it.' }),
    schedule: z.object({ at: z.string().meta({ example: '01:30' }), timeZone: z.string() }),
    nextRunAt: z.string().nullable().meta({ description: 'Null while disabled, or if unknown.' }),
    lastRun: z
      .object({
        generationId: z.uuid(),
        state: z.enum(['published', 'failed', 'cancelled']),
        startedAt: z.string(),
        endedAt: z.string().nullable(),
        failure: z.object({ code: failureCode, message: z.string() }).nullable(),
      })
      .nullable()
      .meta({ description: 'The newest run that has ended. Its files may have been replaced since.' }),
    running: z
      .object({ generationId: z.uuid(), startedAt: z.string(), progress: ProgressView })
      .nullable()
      .meta({ description: 'The active run. A part of its progress is one file in one of its three formats.' }),
    failingSince: z.string().nullable().meta({ description: 'When runs began to fail; null: the last one succeeded.' }),
    generation: GenerationView.nullable().meta({ description: 'The generation that downloads use.' }),
    files: z.array(z.string()).meta({ description: 'Names of all offered files.' }),
  })
  .meta({ id: 'PeriodicExports' });
export type PeriodicView = z.infer<typeof PeriodicView>;

export const PERIODIC_PATH = 'dataexport';

/** Headers with the generation and the snapshot time of every download. */
export const GENERATION_HEADER = 'X-Waybill-Generation';
export const SNAPSHOT_HEADER = 'X-Waybill-Snapshot';
