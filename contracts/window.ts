import type { Instant } from './instant.ts';

/**
 * The time range of an order, on the time a row was created or modified.
 * `inclusive`: `[from, to]`, as on-demand orders ask. `half-open`: `[from, to)`, so that recurring deltas tile.
 */
export interface Window {
  readonly from: Instant;
  readonly to: Instant;
  readonly bounds: 'inclusive' | 'half-open';
}
