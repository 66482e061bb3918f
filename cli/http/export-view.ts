import { z } from 'zod';
import { EXPORT_STATES, type Progress } from '../../contracts/progress.ts';

export const progressSchema: z.ZodType<Progress> = z.object({
  percent: z.number(),
  rowsDone: z.number(),
  rowsTotal: z.number().nullable(),
  contentBytes: z.number(),
  storedBytes: z.number(),
  partsDone: z.number(),
  partsTotal: z.number().nullable(),
  final: z.boolean(),
});

/** An export as `GET /exports/{id}` tells it; members that are not used here are left alone. */
export const exportViewSchema = z.looseObject({
  id: z.string(),
  exportId: z.string(),
  status: z.enum(['PENDING', 'COMPLETED', 'FAILED']),
  state: z.enum(EXPORT_STATES),
  dataset: z.string(),
  format: z.string(),
  window: z.object({ from: z.string(), to: z.string() }),
  snapshotAt: z.string().nullable(),
  progress: progressSchema,
  manifest: z
    .object({
      rows: z.number(),
      bytes: z.number(),
      contentBytes: z.number(),
      parts: z.number(),
      file: z.string(),
    })
    .nullable(),
  /** The order's options, shown where they are not the defaults. */
  compression: z.string().default('none'),
  recipients: z.array(z.string()).default([]),
  parameters: z.record(z.string(), z.unknown()).default({}),
  failure: z.object({ code: z.string(), message: z.string() }).nullable(),
  requestedAt: z.string(),
  endedAt: z.string().nullable(),
  expiresAt: z.string().nullable(),
});
export type ExportView = z.infer<typeof exportViewSchema>;

export const exportListSchema = z.object({ items: z.array(exportViewSchema), next: z.string().nullable() });

export const acceptedSchema = z.object({ job: z.object({ id: z.string() }) });

/** @returns whether the export will not change by itself any more, except that its files expire. */
export function hasEnded(view: ExportView): boolean {
  return view.state !== 'pending' && view.state !== 'running';
}

/** @param id export id or job id; job ids hold `+`, `/` and `=`. */
export function exportPath(id: string, rest = ''): string {
  return `exports/${encodeURIComponent(id)}${rest}`;
}
