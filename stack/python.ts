import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

/**
 * Makes a virtual environment with these packages, once, in the cache of the stack's programs.
 *
 * @param packages with their versions, such as `paramiko==5.1.0`. @returns the path of its interpreter
 */
export async function pythonWith(packages: readonly string[]): Promise<string> {
  const directory = join(homedir(), '.cache', 'waybill', `python-${packages.join('-')}`);
  const python = join(directory, 'bin', 'python');
  const done = join(directory, 'installed');
  const isInstalled = await access(done).then(
    () => true,
    () => false,
  );
  if (isInstalled) return python;
  await execa('python3', ['-m', 'venv', '--clear', directory]);
  await execa(python, ['-m', 'pip', 'install', '--quiet', '--only-binary=:all:', ...packages]);
  await execa('touch', [done]);
  return python;
}
