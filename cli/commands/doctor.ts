import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { addJsonOption, type Cli } from '../cli.ts';

const DOCTOR = fileURLToPath(new URL('../../stack/doctor.ts', import.meta.url));

/** The stack examines itself; it runs as a process because nobody imports it. */
export function doctorCommand(cli: Cli): Command {
  const command = new Command('doctor').description(
    'Tell where each server of the local stack comes from, and what is healthy',
  );
  return addJsonOption(command).action(async (options: { readonly json?: boolean }) => {
    const child = spawn(process.execPath, [DOCTOR, ...(options.json ? ['--json'] : [])], { stdio: 'inherit' });
    const [code]: unknown[] = await once(child, 'close');
    cli.endWith(typeof code === 'number' ? code : 1);
  });
}
