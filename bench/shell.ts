import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { type Environment, signalGroup } from '../stack/process.ts';

/**
 * Runs a pipeline of a shell; it fails if any command fails. Parameters are passed as variables, so that nothing
 * needs quoting.
 *
 * @returns what it wrote to standard output
 * @throws Error with what it wrote to standard error; on abort, after all its processes were signalled to end
 */
export async function runShell(script: string, environment: Environment, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const child = spawn('bash', ['-e', '-o', 'pipefail', '-c', script], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const stop = () => child.pid && signalGroup(child.pid, 'SIGTERM');
  signal.addEventListener('abort', stop);
  try {
    const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    signal.throwIfAborted();
    if (code !== 0) throw new Error(`${script}\nended with code ${String(code)}: ${err.trim()}`);
    return out;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
