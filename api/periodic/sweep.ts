/**
 * A step that lost its connection to Temporal may go on writing until it notices. So what a run left is removed once more
 * after so many milliseconds, which is longer than a step goes unheard.
 */
export const SWEEP_MS = 15 * 60_000;
