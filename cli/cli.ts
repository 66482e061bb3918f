import { type Command, InvalidArgumentError } from 'commander';
import { readSomeSettings } from '../config/settings.ts';
import type { Ledger } from '../stores/ledger/ports.ts';
import { usage } from './failure.ts';
import type { Terminal } from './screen/terminal.ts';

/** Context of every command. */
export interface Cli {
  readonly terminal: Terminal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Once called, the first Ctrl-C aborts this signal and the second one ends the process. */
  interruptible(): AbortSignal;
  /** Sets the exit code for when nothing is thrown. @default 0 */
  endWith(exitCode: number): void;
}

export interface JsonOption {
  readonly json?: boolean;
}

/** For every command that returns data. */
export function addJsonOption(command: Command): Command {
  return command.option('--json', 'print JSON, for scripts');
}

/** Adds examples below the help. A line that begins with a blank continues the previous one. */
export function addExamples(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText(
    'after',
    `\nExamples:\n${lines.map((line) => (line.startsWith(' ') ? `  ${line}` : `  $ ${line}`)).join('\n')}`,
  );
}

/** The local stack's: on loopback, with a password that production refuses. */
const LOCAL_URL = 'postgres://waybill:waybill-demo-secret@127.0.0.1:5433/waybill';

/** Runs work on the ledger at WAYBILL_LEDGER_URL, and always closes it. */
export async function withLedger<Result>(cli: Cli, work: (ledger: Ledger) => Promise<Result>): Promise<Result> {
  if (!cli.environment.WAYBILL_LEDGER_URL && !cli.environment.WAYBILL_LEDGER_URL_FILE) {
    throw usage('Which ledger? Set WAYBILL_LEDGER_URL.', `The local stack's is ${LOCAL_URL}`);
  }
  const { WAYBILL_LEDGER_URL: url } = readSomeSettings(cli.environment, ['WAYBILL_LEDGER_URL']);
  // Imported on demand: most commands do without it and start faster.
  const { createLedger } = await import('../stores/ledger/postgres.ts');
  const ledger = createLedger({ url, connectionsMax: 2 });
  try {
    return await work(ledger);
  } finally {
    await ledger.close();
  }
}

/** A whole number from 1 up. */
export function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidArgumentError('It must be a whole number from 1 up.');
  return count;
}
