import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { getProgram } from '../stack/find.ts';
import { type Environment, signalGroup } from '../stack/process.ts';
import type { ProgramName } from '../stack/programs.ts';
import type { ObjectsOptions } from '../stores/objects/connection.ts';
import type { Bench, Timed } from './benchmark.ts';

/** Finds or fetches the peers' programs. @returns the executables' paths, by name */
export async function getPrograms<Name extends ProgramName>(
  bench: Bench,
  names: readonly Name[],
): Promise<Readonly<Record<Name, string>>> {
  const found = await Promise.all(names.map(async (name) => [name, (await getProgram(name, bench)).path] as const));
  return Object.fromEntries(found) as Record<Name, string>;
}

/**
 * Variables for scripts: `$MC` reaches the bucket as `$BUCKET`, without any configuration of the user's; `$AGE` opens
 * with the key in `$IDENTITY`.
 */
export async function peerVariables(bench: Bench, objects: ObjectsOptions, identity: string) {
  const { directory, environment } = bench;
  const { age, mc } = await getPrograms(bench, ['age', 'mc']);
  const url = new URL(objects.url);
  url.username = objects.accessKey;
  url.password = objects.secretKey;
  const identityFile = join(directory, 'identity.txt');
  await writeFile(identityFile, `${identity}\n`, { mode: 0o600 });
  return {
    PATH: environment.PATH,
    HOME: directory,
    MC_CONFIG_DIR: join(directory, 'mc'),
    MC_HOST_bench: url.toString().replace(/\/$/, ''),
    BUCKET: `bench/${objects.bucket}`,
    AGE: age,
    MC: mc,
    IDENTITY: identityFile,
  };
}

/**
 * Runs a pipeline of a shell; it fails if any command fails. Parameters are passed as variables, so that nothing
 * needs quoting.
 *
 * @returns what it wrote to standard output
 * @throws Error with what it wrote to standard error; on abort, after all its processes were signalled to end
 */
export async function runShell(script: string, environment: Environment, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const child = execa('bash', ['-e', '-o', 'pipefail', '-c', script], {
    env: environment,
    extendEnv: false,
    stdin: 'ignore',
    stripFinalNewline: false,
    reject: false,
    detached: true,
  });
  const stop = () => child.pid && signalGroup(child.pid, 'SIGTERM');
  signal.addEventListener('abort', stop);
  try {
    const { stdout, stderr, exitCode, signal: endedBy } = await child;
    signal.throwIfAborted();
    if (exitCode !== 0) throw new Error(`${script}\nended with ${exitCode ?? endedBy}: ${stderr.trim()}`);
    return stdout;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/**
 * Runs a pipeline, and counts the CPU seconds of the shell and its commands, by its builtin `times`.
 *
 * @throws as {@link runShell}
 */
export async function timeShell(script: string, environment: Environment, signal: AbortSignal): Promise<Timed> {
  const start = performance.now();
  const out = await runShell(`{ ${script}\n} > /dev/null; times`, environment, signal);
  const seconds = (performance.now() - start) / 1000;
  const times = [...out.matchAll(/(\d+)m([\d.]+)s/g)].map(([, minutes, rest]) => Number(minutes) * 60 + Number(rest));
  return { seconds, cpu: times.reduce((sum, time) => sum + time, 0) };
}
