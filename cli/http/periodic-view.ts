import { z } from 'zod';
import { progressSchema } from './export-view.ts';

const size = z.object({ bytes: z.number(), contentBytes: z.number() });

const fileSchema = z.object({ file: z.string(), rows: z.number(), csv: size, json: size });

/** The periodic exports of a tenant as `GET /dataexport` tells them; members that are not used here are left alone. */
export const periodicViewSchema = z.looseObject({
  enabled: z.boolean(),
  recipient: z.string().nullable(),
  ownRecipient: z.boolean(),
  schedule: z.object({ at: z.string(), timeZone: z.string() }),
  nextRunAt: z.string().nullable(),
  lastRun: z
    .object({
      generationId: z.string(),
      state: z.string(),
      startedAt: z.string(),
      endedAt: z.string().nullable(),
      failure: z.object({ code: z.string(), message: z.string() }).nullable(),
    })
    .nullable(),
  running: z
    .object({ generationId: z.string(), startedAt: z.string(), progress: progressSchema.nullable() })
    .nullable(),
  failingSince: z.string().nullable(),
  generation: z
    .object({
      generationId: z.string(),
      snapshotAt: z.string(),
      publishedAt: z.string().nullable(),
      rows: z.number(),
      bytes: z.number(),
      files: z.array(fileSchema),
    })
    .nullable(),
  files: z.array(z.string()),
});
export type PeriodicView = z.infer<typeof periodicViewSchema>;

/** What `POST /dataexport/enable` and `…/rotate` answer. */
export const periodicKeySchema = z.object({
  enabled: z.literal(true),
  /** Shown this once; `null` when the recipient is the tenant's own, or is an earlier one. */
  privateKey: z.string().nullable(),
  recipient: z.string(),
  hint: z.string().optional(),
});
export type PeriodicKey = z.infer<typeof periodicKeySchema>;

export const periodicDisabledSchema = z.object({ enabled: z.literal(false) });

export const PERIODIC_PATH = 'dataexport';

/** Headers that name the generation, and the moment it was read at, of every download. */
export const GENERATION_HEADER = 'x-waybill-generation';
export const SNAPSHOT_HEADER = 'x-waybill-snapshot';
