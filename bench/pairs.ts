/** Figures of one pair of consecutive runs. */
export interface Pair {
  readonly ours: number;
  readonly peer: number;
}

/**
 * One side of a comparison.
 *
 * @param warmUp whether this run is not counted; it may then verify its output
 * @returns its figure, such as the seconds that it took
 */
type Side = (warmUp: boolean) => Promise<number>;

export interface Sides {
  readonly ours: Side;
  readonly peer: Side;
}

/**
 * Runs both sides in turn (ours, peer, ours, peer, …), so that other load affects both. Each side runs once beforehand,
 * uncounted.
 *
 * @param runs number of pairs
 * @param progress called with each counted pair and its number, from 1
 */
export async function runPairs(
  runs: number,
  { ours, peer }: Sides,
  progress: (number: number, pair: Pair) => void,
): Promise<readonly Pair[]> {
  await ours(true);
  await peer(true);
  const pairs: Pair[] = [];
  for (let number = 1; number <= runs; number += 1) {
    const pair = { ours: await ours(false), peer: await peer(false) };
    progress(number, pair);
    pairs.push(pair);
  }
  return pairs;
}

/** @returns seconds that the work took, by the monotonic clock */
export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}
