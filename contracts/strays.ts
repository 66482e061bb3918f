import type { AttemptedObject } from './attempts.ts';

/** Names a run that has ended, or is about to, and whose lost workers may still be writing. */
export interface StrayInput {
  readonly kind: 'export' | 'generation';
  readonly tenant: string;
  /** Export id or generation id. */
  readonly id: string;
  /** Objects that lost attempts may be writing. */
  readonly attempted: readonly AttemptedObject[];
}
