import { getProgram } from '../stack/find.ts';
import type { Environment } from '../stack/process.ts';
import type { ProgramName } from '../stack/programs.ts';

/** Options of stack functions for callers that neither show progress nor abort. */
export const QUIET = {
  report: () => undefined,
  line: () => undefined,
  crashed: () => undefined,
  signal: new AbortController().signal,
};

/** Finds or fetches a program. @returns the path of its executable */
export async function programPath(name: ProgramName, environment: Environment): Promise<string> {
  return (await getProgram(name, { environment, ...QUIET })).path;
}
