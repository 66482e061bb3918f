import type { Environment } from '../stack/process.ts';
import type { Pair } from './pairs.ts';
import { type Summary, summarise } from './statistics.ts';

/** What a benchmark runs with. */
export interface Bench {
  /** A count of counted pairs. */
  readonly runs: number;
  /** A count of rows in the big table. */
  readonly rows: number;
  /** The process's environment: PATH, the cache's place, settings that name executables. */
  readonly environment: Environment;
  /** An empty directory of this benchmark's own; removed afterwards. */
  readonly directory: string;
  /** Takes a line about what is happening. */
  readonly report: (line: string) => void;
  /** Stops the benchmark; what it started ends. */
  readonly signal: AbortSignal;
}

/** Something measured against its peer in one run. Measures, and never asserts. */
export interface Benchmark {
  readonly name: string;
  readonly title: string;
  run(bench: Bench): Promise<Result>;
}

/** One side's figures. */
export interface Measured {
  /** What ran. */
  readonly what: string;
  /** One for each counted run, in order. */
  readonly figures: readonly number[];
  readonly summary: Summary;
  /** Bytes of content that one run went through, where that says something; the same work may come out in other bytes. */
  readonly bytes: number | null;
}

export interface Result {
  readonly name: string;
  readonly title: string;
  readonly unit: 'seconds' | 'MiB';
  readonly ours: Measured;
  readonly peer: Measured;
  readonly ratio: Ratio;
  /** What else came to light, one sentence each. */
  readonly notes: readonly string[];
}

/** How the sides of each pair relate. */
interface Ratio {
  /** `speed` is the peer's figure over ours, `size` is ours over the peer's. */
  readonly kind: 'speed' | 'size';
  /** One for each pair, in order. */
  readonly figures: readonly number[];
  readonly summary: Summary;
  /** What quality asks of the median: at least so much of a speed, at most so much of a size. */
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
