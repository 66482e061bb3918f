/** Name of the queue that the empty steps are taken from. */
export const EMPTY_QUEUE = 'bench-empty';

export const emptySteps = {
  async first(): Promise<void> {},
  async second(): Promise<void> {},
};

export type EmptySteps = typeof emptySteps;
