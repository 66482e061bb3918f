import type { Instant } from './instant.ts';

/** `[from, to]`: rows whose created or modified time is in it. Orders on demand ask for these. */
export interface InclusiveWindow {
  readonly from: Instant;
  readonly to: Instant;
  readonly bounds: 'inclusive';
}

/**
 * `[from, to)`: rows that changed last in it, that is, whose later one of created and modified time is. Of windows that tile,
 * each row is in exactly one.
 */
export interface ChangeWindow {
  /** `null`: open; rows without a time are in it. */
  readonly from: Instant | null;
  readonly to: Instant;
  readonly bounds: 'half-open';
}

export type Window = InclusiveWindow | ChangeWindow;
