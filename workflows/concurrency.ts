import { CancellationScope } from '@temporalio/workflow';

/**
 * Runs work for every item, in the order of the items, with bounded concurrency. On the first failure it cancels the rest
 * and waits for them to stop.
 *
 * @param concurrency maximum number of items at once
 */
export async function withConcurrency<Item>(
  items: readonly Item[],
  concurrency: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await CancellationScope.cancellable(async () => {
    const scope = CancellationScope.current();
    const workers = Array.from({ length: Math.min(concurrency, items.length) }, worker);
    try {
      await Promise.all(workers);
    } catch (error) {
      waiting.length = 0;
      scope.cancel();
      await Promise.allSettled(workers);
      throw error;
    }
  });
}
