import { type Command, InvalidArgumentError } from 'commander';
import { readSomeSettings } from '../config/settings.ts';
import type { Ledger } from '../stores/ledger/ports.ts';
import { usage } from './failure.ts';
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
  return command.option('--json', 'print JSON, for scripts');
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

/** As stack/ sets it up: on loopback, with a password that production refuses. */
const LOCAL_URL = 'postgres://waybill:waybill-demo-secret@127.0.0.1:5433/waybill';

/** Runs work on the ledger that WAYBILL_LEDGER_URL names, and closes it whatever happens. */
export async function withLedger<Result>(cli: Cli, work: (ledger: Ledger) => Promise<Result>): Promise<Result> {
  if (!cli.environment.WAYBILL_LEDGER_URL && !cli.environment.WAYBILL_LEDGER_URL_FILE) {
    throw usage('Which ledger? Set WAYBILL_LEDGER_URL.', `The local stack's is ${LOCAL_URL}`);
  }
  const { WAYBILL_LEDGER_URL: url } = readSomeSettings(cli.environment, ['WAYBILL_LEDGER_URL']);
  // Loaded here because most commands do without it, and would start later.
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
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidArgumentError('It is a whole number from 1 up.');
  return count;
}
