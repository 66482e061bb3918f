import { access, constants, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { withLock } from './lock.ts';
import type { Environment } from './process.ts';
import type { Program, Recipe } from './program.ts';

/** Milliseconds after which what an interrupted fetch left behind is removed. */
const ABANDONED_MS = 60 * 60 * 1000;

/** @returns where fetched programs are kept, shared by all checkouts */
export function cacheDirectory(environment: Environment): string {
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'waybill');
}

/** @returns whether a file can be executed */
export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** @returns the path of a program that a recipe has put into the cache, or `undefined` */
export async function findCached(program: Program, cache: string): Promise<string | undefined> {
  for (const recipe of program.recipes) {
    const path = join(entryOf(program, recipe, cache), program.executable);
    if (await isExecutable(path)) return path;
  }
  return undefined;
}

/**
 * Fetches a program into the cache by the first recipe that works. An entry appears by a rename once it is whole, so an
 * interrupted fetch leaves no broken one, and of two fetches at once the later finds the earlier's.
 *
 * @throws Error with what each recipe failed with
 */
export async function fetchIntoCache(
  program: Program,
  options: {
    readonly cache: string;
    readonly environment: Environment;
    readonly report: (line: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<string> {
  const { cache, environment, report, signal } = options;
  await mkdir(cache, { recursive: true });
  return withLock(
    join(cache, `${program.executable}.lock`),
    { signal, waiting: (holder) => report(`${program.executable}: waiting for ${holder}, which is fetching it`) },
    async () => {
      const found = await findCached(program, cache);
      if (found) return found;
      await removeAbandoned(cache);
      const problems: string[] = [];
      for (const recipe of program.recipes) {
        report(`${program.executable}: ${recipe.title}`);
        const directory = await mkdtemp(join(cache, '.partial-'));
        try {
          await recipe.fetch({
            directory,
            environment,
            signal,
            report: (line) => report(`${program.executable}: ${line}`),
          });
          const path = await publish(program, directory, entryOf(program, recipe, cache));
          report(`${program.executable}: now in the cache`);
          return path;
        } catch (error) {
          signal.throwIfAborted();
          const reason = error instanceof Error ? error.message : String(error);
          report(`${program.executable}: ${reason}`);
          problems.push(`  ${recipe.title}: ${reason}`);
        } finally {
          await rm(directory, { recursive: true, force: true });
        }
      }
      throw new Error(`${program.executable} could not be fetched:\n${problems.join('\n')}`);
    },
  );
}

async function publish(program: Program, directory: string, entry: string): Promise<string> {
  for (const name of [program.executable, ...program.beside]) {
    if (!(await isExecutable(join(directory, name)))) throw new Error(`what was fetched holds no executable ${name}`);
  }
  const path = join(entry, program.executable);
  try {
    await rename(directory, entry);
  } catch (error) {
    // Another fetch got there first, or an entry that somebody has emptied is in the way.
    if (await isExecutable(path)) return path;
    await rm(entry, { recursive: true, force: true });
    await rename(directory, entry).catch(() => {
      throw error;
    });
  }
  return path;
}

async function removeAbandoned(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    if (!name.startsWith('.partial-')) continue;
    const path = join(cache, name);
    if (Date.now() - (await stat(path)).mtimeMs > ABANDONED_MS) await rm(path, { recursive: true, force: true });
  }
}

function entryOf(program: Program, recipe: Recipe, cache: string): string {
  return join(cache, `${program.executable}-${recipe.version}`);
}
