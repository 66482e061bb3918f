import { execFile } from 'node:child_process';
import type { Environment, Identity } from './process.ts';

/**
 * Runs a command to its end.
 *
 * @returns what it wrote to standard output
 * @throws Error with the command's name and the last lines that it wrote to standard error
 */
export function runCommand(
  command: string,
  commandArguments: readonly string[],
  options: { readonly environment: Environment; readonly signal?: AbortSignal; readonly identity?: Identity },
): Promise<string> {
  const { environment, signal, identity } = options;
  return new Promise((resolve, reject) => {
    execFile(
      command,
      commandArguments,
      { env: environment, maxBuffer: 64 * 1024 * 1024, ...(signal ? { signal } : {}), ...identity },
      (error, stdout, stderr) => {
        if (!error) return resolve(stdout);
        const missing = 'code' in error && error.code === 'ENOENT';
        const said = missing ? 'not installed' : stderr.trim().split('\n').slice(-3).join(' ') || error.message;
        reject(new Error(`${command}: ${said}`, { cause: error }));
      },
    );
  });
}
