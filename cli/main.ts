import { readFileSync } from 'node:fs';
import { run } from './program.ts';
import { createTerminal } from './screen/terminal.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** `waybill … | head` closes the pipe early: that is no failure. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

function interruptible(): AbortSignal {
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort());
  return controller.signal;
}

process.exitCode = await run(
  process.argv.slice(2),
  { terminal: createTerminal(process.stdout, process.stderr), environment: process.env, interruptible },
  version,
);
