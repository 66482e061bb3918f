import { access, constants, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Environment } from './process.ts';

/** What a recipe may use while it fetches. */
export interface FetchContext {
  /** The program's file name. */
  readonly executable: string;
  /** An empty directory that becomes the cache entry once the recipe has succeeded. */
  readonly directory: string;
  readonly environment: Environment;
  /** Takes one line of progress. */
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
}

/** One way to get a program. */
export interface Recipe {
  /** Part of the cache entry's name, so that two versions never share an entry. */
  readonly version: string;
  /** For progress lines and errors. */
  readonly title: string;
  /** Leaves the program's executables in the directory. @throws Error if it cannot; the next recipe is tried. */
  fetch(context: FetchContext): Promise<void>;
}

/** A program that can be fetched. */
export interface Fetchable {
  /** The executable's name. */
  readonly executable: string;
  /** Other executables that must lie beside it. */
  readonly beside?: readonly string[];
  /** Tried in this order. */
  readonly recipes: readonly Recipe[];
}

/** Milliseconds after which the remains of an interrupted fetch are removed. */
const ABANDONED_MS = 60 * 60 * 1000;

/** @returns the directory of fetched programs, shared by all checkouts */
export function cacheDirectory(environment: Environment): string {
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'waybill');
}

/** @returns paths of a program's executables, given that of the first */
export function executablesOf({ beside = [] }: Fetchable, path: string): readonly string[] {
  return [path, ...beside.map((name) => join(dirname(path), name))];
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

/** @returns the path of a program in the cache, or `undefined` */
export async function findCached(program: Fetchable, cache: string): Promise<string | undefined> {
  for (const recipe of program.recipes) {
    const path = join(entryOf(program, recipe, cache), program.executable);
    if (await isExecutable(path)) return path;
  }
  return undefined;
}

/**
 * Fetches a program into the cache by the first recipe that works. An entry appears by a rename once it is complete:
 * an interrupted fetch leaves no broken entry, and two fetches at once do the work twice but agree on the result.
 *
 * @throws Error with the reason why each recipe failed
 */
export async function fetchIntoCache(
  program: Fetchable,
  options: Omit<FetchContext, 'directory' | 'executable'> & { readonly cache: string },
): Promise<string> {
  const { cache, environment, signal } = options;
  const { executable } = program;
  const report = (line: string) => options.report(`${executable}: ${line}`);
  await mkdir(cache, { recursive: true });
  await removeAbandoned(cache);
  const problems: string[] = [];
  for (const recipe of program.recipes) {
    report(recipe.title);
    const directory = await mkdtemp(join(cache, '.partial-'));
    try {
      await recipe.fetch({ executable, directory, environment, signal, report });
      const path = await publish(program, directory, entryOf(program, recipe, cache));
      report('now in the cache');
      return path;
    } catch (error) {
      signal.throwIfAborted();
      const reason = error instanceof Error ? error.message : String(error);
      report(reason);
      problems.push(`  ${recipe.title}: ${reason}`);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
  throw new Error(`${executable} could not be fetched:\n${problems.join('\n')}`);
}

async function publish(program: Fetchable, directory: string, entry: string): Promise<string> {
  for (const file of executablesOf(program, join(directory, program.executable))) {
    if (!(await isExecutable(file))) throw new Error(`what was fetched holds no executable ${basename(file)}`);
  }
  const path = join(entry, program.executable);
  try {
    await rename(directory, entry);
  } catch (error) {
    // Either another fetch was first, or the entry is broken.
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
    // Another fetch may have removed it since.
    const found = await stat(path).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > ABANDONED_MS) await rm(path, { recursive: true, force: true });
  }
}

function entryOf(program: Fetchable, recipe: Recipe, cache: string): string {
  return join(cache, `${program.executable}-${recipe.version}`);
}
