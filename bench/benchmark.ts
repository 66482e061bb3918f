import type { Environment } from '../stack/process.ts';

/** Parameters and environment of a benchmark. */
export interface Bench {
  /** Number of counted pairs. */
  readonly runs: number;
  /** Number of rows in the big table. */
  readonly rows: number;
  /** How many there are of what a benchmark has many of, such as tenants. @default each benchmark's own number */
  readonly many?: number | undefined;
  /** The process's environment: PATH, the cache's directory, settings that name executables. */
  readonly environment: Environment;
  /** An empty directory of this benchmark's own; removed afterwards. */
  readonly directory: string;
  /** Takes a line of progress. */
  readonly report: (line: string) => void;
  /** Stops the benchmark and everything it started. */
  readonly signal: AbortSignal;
}

/** Measures something against its peer in one run. Never fails on a figure. */
export interface Benchmark {
  readonly name: string;
  readonly title: string;
  run(bench: Bench): Promise<Measurement | readonly Measurement[]>;
}

export interface Measurement {
  /** What is measured, in a word, if the benchmark measures several things. */
  readonly part?: string;
  readonly unit: Unit;
  readonly ours: Measured;
  readonly peer: Measured;
  readonly pairs: readonly Pair[];
  readonly ratio: Target;
  /** Figures besides the comparison, with limits of their own. */
  readonly bounds?: readonly Bound[];
  /** What keeps ours from being faster or smaller, as far as it is known. */
  readonly limitedBy?: string;
  /** Further observations, one sentence each. */
  readonly notes: readonly string[];
}

/** A figure that should be at most this. */
export interface Bound {
  readonly what: string;
  readonly figure: number;
  readonly max: number;
  /** Such as `MiB`. */
  readonly unit: string;
}

export type Unit = 'seconds' | 'MiB';

/** One side of a comparison. */
export interface Measured {
  /** What ran. */
  readonly what: string;
  /** Bytes of content of one run, if meaningful; the two sides may encode the same rows in different bytes. */
  readonly bytes: number | null;
}

/** Figures of one pair of consecutive runs. */
export interface Pair {
  readonly ours: number;
  readonly peer: number;
  /** CPU seconds of each side, with those of the servers it used, if counted. */
  readonly cpu?: { readonly ours: number; readonly peer: number };
}

/** A run whose CPU seconds were counted. */
export interface Timed {
  readonly seconds: number;
  readonly cpu: number;
}

export interface Target {
  /** `speed` is the peer's figure over ours, `size` is ours over the peer's. */
  readonly kind: 'speed' | 'size';
  /** Target for the median ratio: minimum for `speed`, maximum for `size`. */
  readonly target: number;
}

/**
 * Runs one side of a comparison.
 *
 * @param warmUp whether this run is not counted; it may then verify its output
 * @returns its figure, such as the seconds that it took
 */
type Side = (warmUp: boolean) => Promise<number | Timed>;

/**
 * Runs both sides in turn (ours, peer, ours, peer, …), so that other load affects both, and reports each pair. Each side
 * runs once beforehand, uncounted.
 */
export async function runPairs(
  { runs, report }: Bench,
  unit: Unit,
  { ours, peer }: { readonly ours: Side; readonly peer: Side },
): Promise<readonly Pair[]> {
  await ours(true);
  await peer(true);
  const pairs: Pair[] = [];
  for (let number = 1; number <= runs; number += 1) {
    const pair = pairOf(await ours(false), await peer(false));
    pairs.push(pair);
    report(`pair ${number} of ${runs}: ours ${formatFigure(unit, pair.ours)}, peer ${formatFigure(unit, pair.peer)}`);
  }
  return pairs;
}

/**
 * The same for several things at once: a run makes both sides of each pair, in turns of its own.
 *
 * @returns the pairs of each, by its name
 */
export async function runSeveral<Name extends string>(
  { runs, report }: Bench,
  unit: Unit,
  run: () => Promise<Readonly<Record<Name, Pair>>>,
): Promise<Readonly<Record<Name, readonly Pair[]>>> {
  await run();
  const pairs: Partial<Record<Name, Pair[]>> = {};
  for (let number = 1; number <= runs; number += 1) {
    for (const [name, pair] of Object.entries(await run()) as [Name, Pair][]) {
      pairs[name] = [...(pairs[name] ?? []), pair];
      const [ours, peer] = [formatFigure(unit, pair.ours), formatFigure(unit, pair.peer)];
      report(`pair ${number} of ${runs}, ${name}: ours ${ours}, peer ${peer}`);
    }
  }
  return pairs as Record<Name, readonly Pair[]>;
}

function pairOf(ours: number | Timed, peer: number | Timed): Pair {
  if (typeof ours === 'number' || typeof peer === 'number') {
    const figure = (side: number | Timed) => (typeof side === 'number' ? side : side.seconds);
    return { ours: figure(ours), peer: figure(peer) };
  }
  return { ours: ours.seconds, peer: peer.seconds, cpu: { ours: ours.cpu, peer: peer.cpu } };
}

/** @returns seconds that the work took, by the monotonic clock */
export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** Times under a second are shown in milliseconds. */
export function formatFigure(unit: Unit, figure: number): string {
  if (unit === 'MiB') return `${figure.toFixed(0)} MiB`;
  return figure < 1 ? `${(figure * 1000).toFixed(1)} ms` : `${figure.toFixed(2)} s`;
}
