import { getProgram } from '../stack/find.ts';
import type { ProgramName } from '../stack/programs.ts';
import type { Bench } from './benchmark.ts';

/** Finds or fetches the peers' programs. @returns the executables' paths, by name */
export async function getPrograms<Name extends ProgramName>(
  bench: Pick<Bench, 'environment' | 'report' | 'signal'>,
  names: readonly Name[],
): Promise<Readonly<Record<Name, string>>> {
  const found = await Promise.all(names.map(async (name) => [name, (await getProgram(name, bench)).path] as const));
  return Object.fromEntries(found) as Record<Name, string>;
}
