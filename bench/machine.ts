import { availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { basename, dirname } from 'node:path';
import { findProgram, readVersion } from '../stack/find.ts';
import type { Environment } from '../stack/process.ts';
import type { ProgramName } from '../stack/programs.ts';

/** The machine that the figures were measured on, without its host name. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  /** GiB. */
  readonly memory: number;
  readonly system: string;
  /** Load average of the minute before the first run; far above 0 means that the machine was busy. */
  readonly loadBefore: number;
  readonly node: string;
  /** Version of each program. */
  readonly programs: Readonly<Partial<Record<ProgramName, string>>>;
}

const PROGRAMS: readonly ProgramName[] = ['duckdb', 'age', 'mc', 'minio', 'temporal', 'postgres'];

/**
 * Missing programs are omitted.
 *
 * @param loadBefore load average of the minute before the first run
 */
export async function describeMachine(environment: Environment, loadBefore: number): Promise<Machine> {
  const programs: Partial<Record<ProgramName, string>> = {};
  for (const name of PROGRAMS) {
    const found = await findProgram(name, environment);
    if (!found) continue;
    // Programs built from source report `DEVELOPMENT`; their cache entry, `<name>-<version>`, has the version.
    const cached = found.origin === 'cache' ? basename(dirname(found.path)).slice(name.length + 1) : undefined;
    const version = cached ?? (await readVersion(found, environment));
    if (version) programs[name] = version;
  }
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()}`,
    loadBefore: Number(loadBefore.toFixed(2)),
    node: process.version,
    programs,
  };
}

export function machineLines(machine: Machine): readonly string[] {
  const { processor, cores, memory, system, loadBefore, node, programs } = machine;
  return [
    `${cores} cores (${processor}), ${memory} GiB, ${system}, load ${loadBefore} before, Node ${node}`,
    ...Object.entries(programs).map(([name, version]) => `${name}: ${version}`),
  ];
}
