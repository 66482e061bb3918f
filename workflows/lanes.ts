import { CancellationScope } from '@temporalio/workflow';

/**
 * Does the work for every item, so many at once, in the order of the items. Once one has failed for good the others are
 * cancelled, and have let go before the failure goes on.
 *
 * @param width a count of items that are under way at once
 */
export async function inLanes<Item>(
  items: readonly Item[],
  width: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  const lane = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await CancellationScope.cancellable(async () => {
    const scope = CancellationScope.current();
    const lanes = Array.from({ length: Math.min(width, items.length) }, lane);
    try {
      await Promise.all(lanes);
    } catch (error) {
      waiting.length = 0;
      scope.cancel();
      await Promise.allSettled(lanes);
      throw error;
    }
  });
}
