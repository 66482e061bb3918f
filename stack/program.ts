import type { Environment } from './process.ts';

/** Where a program was found. */
export type Origin = 'setting' | 'PATH' | 'node_modules' | 'cache' | 'fetched';

/** What a recipe may use while it fetches. */
export interface FetchContext {
  /** An empty directory that becomes the cache entry when the recipe has ended without error. */
  readonly directory: string;
  readonly environment: Environment;
  /** Takes one line of progress. */
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
}

/** One way to get a program. */
export interface Recipe {
  /** Names the cache entry together with the program, so that two versions never share one. */
  readonly version: string;
  /** Continues "fetching minio: ". */
  readonly title: string;
  /** Leaves the program's executables in the directory. @throws Error when it cannot; the next recipe is tried. */
  fetch(context: FetchContext): Promise<void>;
}

/** A program that the stack, the tests or the benchmarks run. */
export interface Program {
  /** The executable's name. */
  readonly executable: string;
  /** Other executables that must lie beside it, or it is passed over. */
  readonly beside: readonly string[];
  /** An npm package that holds it: resolved after PATH. @returns the path, or `undefined` when it is not installed. */
  readonly installed?: () => Promise<string | undefined>;
  /** Tried in this order. */
  readonly recipes: readonly Recipe[];
  /** Arguments that print the version on the first line. */
  readonly versionArguments: readonly string[];
}
