import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from './command.ts';
import type { Recipe } from './program.ts';

/** Seconds between two lines that say a build goes on. */
const STILL_SECONDS = 20;

/**
 * Executables that Go builds from source. A module's version fixes its content: Go checks it, and that of everything it
 * needs, against its checksum database.
 *
 * @param packages import paths, all of one module
 * @param renames what Go names an executable after its package, and what it shall be called instead
 * @param takes how long a first build takes, for the person who waits
 */
export function goRecipe(options: {
  readonly packages: readonly string[];
  readonly version: string;
  readonly renames?: Readonly<Record<string, string>>;
  readonly takes: string;
}): Recipe {
  return {
    version: options.version,
    title: `building from source with Go, which takes ${options.takes} the first time`,
    async fetch({ directory, environment, report, signal }) {
      const began = Date.now();
      const timer = setInterval(
        () => report(`still building, ${Math.round((Date.now() - began) / 1000)} s so far`),
        STILL_SECONDS * 1000,
      );
      try {
        await runCommand('go', ['install', ...options.packages.map((path) => `${path}@${options.version}`)], {
          environment: { ...environment, GOBIN: directory, CGO_ENABLED: '0' },
          signal,
        });
      } finally {
        clearInterval(timer);
      }
      for (const [from, to] of Object.entries(options.renames ?? {}))
        await rename(join(directory, from), join(directory, to));
    },
  };
}
