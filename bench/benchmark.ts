import type { Environment } from '../stack/process.ts';
import type { Pair } from './pairs.ts';
import { type Summary, summarise } from './statistics.ts';

/** Parameters and environment of a benchmark. */
export interface Bench {
  /** Number of counted pairs. */
  readonly runs: number;
  /** Number of rows in the big table. */
  readonly rows: number;
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
  run(bench: Bench): Promise<Result>;
}

/** One side's figures. */
export interface Measured {
  /** What ran. */
  readonly what: string;
  /** One per counted run, in order. */
  readonly figures: readonly number[];
  readonly summary: Summary;
  /** Bytes of content of one run, if meaningful; the two sides may encode the same rows in different bytes. */
  readonly bytes: number | null;
}

export interface Result {
  readonly name: string;
  readonly title: string;
  readonly unit: 'seconds' | 'MiB';
  readonly ours: Measured;
  readonly peer: Measured;
  readonly ratio: Ratio;
  /** Further observations, one sentence each. */
  readonly notes: readonly string[];
}

/** How the sides of each pair relate. */
interface Ratio {
  /** `speed` is the peer's figure over ours, `size` is ours over the peer's. */
  readonly kind: 'speed' | 'size';
  /** One per pair, in order. */
  readonly figures: readonly number[];
  readonly summary: Summary;
  /** Target for the median: minimum for `speed`, maximum for `size`. */
  readonly target: number;
  readonly met: boolean;
}

export interface ResultParts extends Pick<Result, 'name' | 'title' | 'unit' | 'notes'> {
  readonly ours: Pick<Measured, 'what' | 'bytes'>;
  readonly peer: Pick<Measured, 'what' | 'bytes'>;
  readonly pairs: readonly Pair[];
  readonly ratio: Pick<Ratio, 'kind' | 'target'>;
}

export function createResult({ pairs, ratio, ...parts }: ResultParts): Result {
  const ours = pairs.map((pair) => pair.ours);
  const peer = pairs.map((pair) => pair.peer);
  const figures = pairs.map((pair) => (ratio.kind === 'speed' ? pair.peer / pair.ours : pair.ours / pair.peer));
  const summary = summarise(figures);
  const met = ratio.kind === 'speed' ? summary.median >= ratio.target : summary.median <= ratio.target;
  return {
    ...parts,
    ours: { ...parts.ours, figures: ours, summary: summarise(ours) },
    peer: { ...parts.peer, figures: peer, summary: summarise(peer) },
    ratio: { ...ratio, figures, summary, met },
  };
}
