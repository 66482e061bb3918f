import { CommanderError } from 'commander';
import { SettingsError } from '../config/settings.ts';
import { FAILURES, WaybillError } from '../contracts/failures.ts';
import type { Cli } from './cli.ts';
import { CliFailure, EXIT, type ExitCode } from './failure.ts';
import { createProgram } from './program.ts';
import type { Terminal } from './screen/terminal.ts';

/**
 * Runs one command line. Whatever is thrown becomes a sentence and an exit code, never a stack trace.
 *
 * @param args without the names of node and of the script.
 * @returns what the process should end with.
 */
export async function run(args: readonly string[], cli: Omit<Cli, 'endWith'>, version: string): Promise<number> {
  let exitCode: number = EXIT.ok;
  const endWith = (code: number) => {
    exitCode = code;
  };
  try {
    await createProgram({ ...cli, endWith }, version).parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const failure = asFailure(error);
    report(cli.terminal, failure, args.includes('--json'));
    return failure.exitCode;
  }
}

function asFailure(error: unknown): CliFailure {
  if (error instanceof CliFailure) return error;
  if (error instanceof WaybillError) {
    return new CliFailure(exitCodeOf(error), error.message, { code: error.code, cause: error });
  }
  if (error instanceof SettingsError) return new CliFailure(EXIT.usage, error.message, { cause: error });
  if (error instanceof Error && error.name === 'AbortError') return new CliFailure(EXIT.interrupted, 'Stopped.');
  const what = error instanceof Error ? error.message : String(error);
  return new CliFailure(EXIT.failed, `Something went wrong in waybill itself: ${what}`, { cause: error });
}

function exitCodeOf({ code }: WaybillError): ExitCode {
  const { status } = FAILURES[code];
  if (status === 503) return EXIT.unreachable;
  return status === 400 ? EXIT.usage : EXIT.failed;
}

function report(terminal: Terminal, failure: CliFailure, json: boolean): void {
  const { message, lines, code, exitCode } = failure;
  if (json) {
    terminal.tell(JSON.stringify({ error: { code: code ?? null, message, lines, exitCode } }));
    return;
  }
  const paint = exitCode === EXIT.interrupted ? 'yellow' : 'red';
  terminal.tell(`${terminal.paintTold(paint, 'waybill:')} ${message}`);
  for (const line of lines) terminal.tell(`  ${line}`);
}
