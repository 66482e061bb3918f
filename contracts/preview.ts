import { z } from 'zod';
import type { Handover } from './handover.ts';
import type { FileContent } from './order.ts';

/** Rows of a preview at most. */
export const PREVIEW_ROWS_MAX = 20;
/** Characters of a value at most; a longer one is cut. */
export const PREVIEW_VALUE_MAX = 120;
/** How long a preview may take, in seconds. */
export const PREVIEW_SECONDS_MAX = 20;

/** What a preview is asked for. Stored in Temporal's history: no rows, no secrets. */
export interface PreviewInput extends Handover {
  readonly tenant: string;
  readonly content: FileContent;
}

/** The content of the object: JSON, sealed. */
export const Preview = z.object({
  /** ISO 8601, to the microsecond. */
  snapshotAt: z.string(),
  /** Number of rows of the whole file. */
  rows: z.int().min(0),
  columns: z.array(z.object({ header: z.string(), type: z.string() })),
  /** The first rows, as CSV would have them; `null`: NULL. */
  first: z.array(z.array(z.string().nullable())),
});
export type Preview = Readonly<z.infer<typeof Preview>>;
