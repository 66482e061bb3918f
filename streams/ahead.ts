/**
 * Results of `work` for each item, in the order of the items, with up to `count` of them under way or waiting to be taken. Ends the
 * source however the iteration ends; work that was begun goes on, and its errors are ignored.
 *
 * @param count of items at once. @minimum 1
 */
export async function* ahead<Item, Result>(
  items: AsyncIterable<Item>,
  count: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const begun: Promise<Result>[] = [];
  for await (const item of items) {
    const result = work(item);
    // Rejects where it is taken.
    result.catch(() => undefined);
    begun.push(result);
    const next = begun.length < count ? undefined : begun.shift();
    if (next) yield await next;
  }
  for (const result of begun) yield await result;
}
