import { z } from 'zod';
import { ALL_STATUSES, ARCHIVE_TYPE_NAMES, ARCHIVE_TYPES, INTERVIEW_STATUS_NAMES } from '../questionnaires.ts';

const TYPE_NAMES = ARCHIVE_TYPES.map((type) => ARCHIVE_TYPE_NAMES[type]);

/** Of the first generation: whether there is an archive, and what becomes of the next. */
export const DETAILS_STATUSES = ['NotStarted', 'Queued', 'Running', 'Finished', 'FinishedWithErrors'] as const;
export type DetailsStatus = (typeof DETAILS_STATUSES)[number];

export const StartAnswer = z.object({ JobId: z.int() }).meta({ id: 'ArchiveStarted' });

export const DetailsAnswer = z
  .object({
    HasExportedFile: z.boolean(),
    LastUpdateDate: z.string().nullable().describe('When the archive was made; null: there is none.'),
    ExportStatus: z.enum(DETAILS_STATUSES),
    RunningProcess: z
      .object({ StartDate: z.string(), ProgressInPercents: z.int().min(0).max(100) })
      .nullable()
      .describe('null: no archive is being made.'),
  })
  .meta({ id: 'ArchiveDetails' });
export type DetailsAnswer = z.infer<typeof DetailsAnswer>;

export const QuestionnairesAnswer = z
  .object({
    Questionnaires: z.array(
      z.object({
        QuestionnaireIdentity: z.string().meta({ example: '74e2d30854914e24af6beae9be64130c$1' }),
        QuestionnaireId: z.guid(),
        Version: z.int(),
        Title: z.string(),
        Variable: z.string(),
        LastEntryDate: z.string().nullable().describe('When the version was imported, in UTC.'),
      }),
    ),
    Order: z.string(),
    Limit: z.int(),
    TotalCount: z.int(),
    Offset: z.int().describe('Number of the page, from 1.'),
  })
  .meta({ id: 'Questionnaires' });
export type QuestionnairesAnswer = z.infer<typeof QuestionnairesAnswer>;

export const StatusesAnswer = z.array(z.enum(INTERVIEW_STATUS_NAMES)).meta({ id: 'InterviewStatuses' });

export const JOB_STATUSES = ['Created', 'Running', 'Completed', 'Fail', 'Canceled'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

const naive = z.string().describe('UTC, without an offset.').meta({ example: '2026-11-29T22:40:49.123' });

/** Of the second generation. All members are always there. */
export const ExportJob = z
  .object({
    JobId: z.int(),
    ExportStatus: z.enum(JOB_STATUSES),
    CreateDate: naive,
    StartDate: naive.describe('As CreateDate, until it has begun.'),
    CompleteDate: naive.nullable(),
    Progress: z.int().min(0).max(100),
    ETA: z.string().nullable(),
    Error: z.string().nullable(),
    Links: z.object({
      Cancel: z.url().nullable(),
      Download: z.url().nullable().describe('null: there is no archive of this job.'),
    }),
    HasExportFile: z.boolean(),
    ExportType: z.enum(TYPE_NAMES),
    QuestionnaireId: z.string().meta({ example: '74e2d30854914e24af6beae9be64130c$1' }),
    InterviewStatus: z.enum([ALL_STATUSES, ...INTERVIEW_STATUS_NAMES]),
    From: naive.nullable(),
    To: naive.nullable(),
    AccessToken: z.null(),
    RefreshToken: z.null(),
    StorageType: z.null(),
    TranslationId: z.null(),
    IncludeMeta: z.literal(false),
  })
  .meta({ id: 'ExportJob' });
export type ExportJob = z.infer<typeof ExportJob>;

/** Members may be in any case, and others are ignored. */
export const StartJob = z
  .object({
    QuestionnaireId: z.string().meta({ example: '74e2d30854914e24af6beae9be64130c$1' }),
    ExportType: z
      .string()
      .default(ARCHIVE_TYPE_NAMES.tabular)
      .describe(`One of ${TYPE_NAMES.join(', ')}, in any case.`),
    InterviewStatus: z.string().default(ALL_STATUSES).describe('A status of interviews, or All, in any case.'),
    From: z.string().optional().describe('Only interviews that changed last at this time or later.'),
    To: z.string().optional().describe('At this time or before.'),
  })
  .meta({ id: 'StartExportJob' });
export type StartJob = z.infer<typeof StartJob>;
