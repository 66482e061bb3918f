import { delimiter, join, sep } from 'node:path';
import { execa } from 'execa';
import { cacheDirectory, executablesOf, fetchIntoCache, findCached, isExecutable } from './fetch.ts';
import type { Environment } from './process.ts';
import { PROGRAMS, type Program, type ProgramName } from './programs.ts';
import { binSetting } from './settings.ts';

/** A program that can be run. */
export interface FoundProgram {
  readonly name: ProgramName;
  /** Absolute path of the executable. */
  readonly path: string;
  /** Where it was found. */
  readonly origin: 'setting' | 'PATH' | 'node_modules' | 'cache' | 'fetched';
}

/**
 * Looks for a program without fetching it: the setting, PATH, the npm package, the cache.
 *
 * @throws Error if a setting names something that cannot be run
 */
export async function findProgram(name: ProgramName, environment: Environment): Promise<FoundProgram | undefined> {
  const program: Program = PROGRAMS[name];
  const setting = binSetting(name);
  const set = environment[setting];
  if (set) {
    if (!(await isWhole(program, set))) throw new Error(`${setting} holds "${set}": should name ${needs(program)}`);
    return { name, path: set, origin: 'setting' };
  }
  const onPath = await findOnPath(program, environment);
  if (onPath) return { name, path: onPath, origin: 'PATH' };
  const installed = program.installed?.();
  if (installed && (await isWhole(program, installed))) return { name, path: installed, origin: 'node_modules' };
  const cached = await findCached(program, cacheDirectory(environment));
  return cached ? { name, path: cached, origin: 'cache' } : undefined;
}

/** Finds or fetches a program. @throws Error with what was tried and which setting helps */
export async function getProgram(
  name: ProgramName,
  options: {
    readonly environment: Environment;
    readonly report: (line: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<FoundProgram> {
  const found = await findProgram(name, options.environment);
  if (found) return found;
  const program: Program = PROGRAMS[name];
  const cache = cacheDirectory(options.environment);
  try {
    return { name, path: await fetchIntoCache(program, { ...options, cache }), origin: 'fetched' };
  } catch (error) {
    options.signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${reason}\nInstall ${name}, or name it in ${binSetting(name)}.`, { cause: error });
  }
}

/** @returns the first line that a program prints about its version, or `undefined` if it prints none */
export async function readVersion(found: FoundProgram, environment: Environment): Promise<string | undefined> {
  const { printsVersion = true }: Program = PROGRAMS[found.name];
  if (!printsVersion) return undefined;
  const printed = await printVersion(found.path, environment).catch(() => undefined);
  return printed?.trim().split('\n')[0];
}

async function printVersion(path: string, environment: Environment): Promise<string> {
  const { stdout } = await execa(path, ['--version'], { env: environment, extendEnv: false, stdin: 'ignore' });
  return stdout;
}

/** Skips what does not run: a wrapper without its target, or an executable for another platform. */
async function findOnPath(program: Program, environment: Environment): Promise<string | undefined> {
  for (const directory of (environment.PATH ?? '').split(delimiter)) {
    // npm puts these first on PATH; their programs are found as npm packages.
    if (!directory || directory.endsWith(join('node_modules', '.bin')) || directory.includes(`${sep}node-gyp-bin`))
      continue;
    const path = join(directory, program.executable);
    if ((await isWhole(program, path)) && (await runs(program, path, environment))) return path;
  }
  return undefined;
}

async function isWhole(program: Program, path: string): Promise<boolean> {
  return (await Promise.all(executablesOf(program, path).map(isExecutable))).every(Boolean);
}

async function runs(program: Program, path: string, environment: Environment): Promise<boolean> {
  if (program.printsVersion === false) return true;
  const printed = executablesOf(program, path).map((each) => printVersion(each, environment));
  return Promise.all(printed).then(
    () => true,
    () => false,
  );
}

function needs(program: Program): string {
  const also = program.beside ? ` with ${program.beside.join(' and ')} beside it` : '';
  return `an executable ${program.executable}${also}`;
}
