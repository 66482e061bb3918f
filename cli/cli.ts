import type { Command } from 'commander';
import type { Terminal } from './screen/terminal.ts';

/** What every command is given. */
export interface Cli {
  readonly terminal: Terminal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** From the call on, the first Ctrl-C aborts this signal and the second one ends the process. */
  interruptible(): AbortSignal;
  /** What the process ends with when nothing is thrown. @default 0 */
  endWith(exitCode: number): void;
}

/** Every command that answers with data has it. */
export function addJsonOption(command: Command): Command {
  return command.option('--json', 'answer with JSON, for scripts');
}

/** Commands that can be pasted, below the help. A line that begins with a blank goes on with the one before. */
export function addExamples(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText(
    'after',
    `\nExamples:\n${lines.map((line) => (line.startsWith(' ') ? `  ${line}` : `  $ ${line}`)).join('\n')}`,
  );
}

export function printJson(terminal: Terminal, value: unknown): void {
  terminal.print(JSON.stringify(value, null, 2));
}
