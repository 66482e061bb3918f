import { Command, InvalidArgumentError } from 'commander';
import { DAY } from '../../contracts/recurrence.ts';
import {
  EXPORT_PATH,
  RegistrationsAnswer,
  RUNS_PATH,
  RunStartedAnswer,
  RunsAnswer,
} from '../../contracts/views/recurring.ts';
import { addExamples, type Cli, parseCount } from '../cli.ts';
import { CliFailure, EXIT } from '../failure.ts';
import { addClientOptions, type ClientOptions, connect, readJson } from '../http/client.ts';
import { registrationLines, runFileLines, runLines } from '../screen/recurring-lines.ts';
import { followRecurring } from './follow.ts';
import { ackCommand } from './recurring-ack.ts';
import { fullLoadCommand, registerCommand } from './recurring-register.ts';

export function recurringCommand(cli: Cli): Command {
  return new Command('recurring')
    .description('Recurring exports: what has changed, by entity and day')
    .addCommand(registerCommand(cli))
    .addCommand(showCommand(cli))
    .addCommand(fullLoadCommand(cli))
    .addCommand(runCommand(cli))
    .addCommand(runsCommand(cli))
    .addCommand(ackCommand(cli));
}

function showCommand(cli: Cli): Command {
  const command = new Command('show')
    .description('Show the registered entities and how far they are delivered')
    .optionsGroup('Options:')
    .option('--inactive', 'also those that are no longer exported');
  return addClientOptions(command).action(async (options: ClientOptions & { readonly inactive?: boolean }) => {
    const path = `${EXPORT_PATH}?includeInactive=${options.inactive === true}`;
    const { result } = await connect(cli, options).json(RegistrationsAnswer, path);
    if (options.json) return cli.terminal.printJson(result.listOfItems);
    if (result.listOfItems.length === 0) return cli.terminal.log('No entity is registered.');
    cli.terminal.print(...registrationLines(cli.terminal, result.listOfItems));
  });
}

interface RunOptions extends ClientOptions {
  readonly day?: string;
  readonly wait?: boolean;
}

function runCommand(cli: Cli): Command {
  const command = new Command('run')
    .description('Export now what has changed so far, into the directory of today')
    .optionsGroup('Options:')
    .option('--day <day>', 'make the files of this day again, of the same windows', parseDay)
    .option('--wait', 'wait until the run has ended; exit code 1 if it is not delivered');
  addExamples(command, 'waybill recurring run --wait', 'waybill recurring run --day 2026-11-21 --wait --json');
  return addClientOptions(command).action((options: RunOptions) => startRun(cli, options));
}

async function startRun(cli: Cli, options: RunOptions): Promise<void> {
  const { terminal } = cli;
  const client = connect(cli, options);
  const body = options.day === undefined ? {} : { day: options.day };
  const { result } = await readJson(RunStartedAnswer, await client.call('POST', RUNS_PATH, { body }));
  const quiet = options.json === true;
  if (!options.wait) {
    if (quiet) return terminal.printJson(result);
    terminal.logDone('the run has been started; waybill recurring runs shows it');
    return terminal.print(result.run_id);
  }
  const run = await followRecurring(cli, result.run_id, { client, quiet, signal: cli.interruptible() });
  if (!run) {
    const lines = ['Nothing has changed since the last run, or no worker is running.'];
    throw new CliFailure(EXIT.failed, 'The run has not begun.', { code: 'not_found', lines });
  }
  // A later run of the day may have replaced it meanwhile.
  if (run.state !== 'delivered' && run.state !== 'replaced') cli.endWith(EXIT.failed);
  if (quiet) return terminal.printJson(run);
  terminal.print(...runLines(terminal, [{ ...run, files: run.files.filter(({ error }) => error === null) }]));
  if (run.files.length > 0) terminal.print('', ...runFileLines(terminal, { ...run, error: null }));
}

function runsCommand(cli: Cli): Command {
  const command = new Command('runs')
    .description('List runs, the newest first')
    .optionsGroup('Options:')
    .option('--limit <count>', 'at most this many', parseCount, 20);
  return addClientOptions(command).action(async (options: ClientOptions & { readonly limit: number }) => {
    const path = `${RUNS_PATH}?pageSize=${options.limit}`;
    const { result } = await connect(cli, options).json(RunsAnswer, path);
    if (options.json) return cli.terminal.printJson(result.listOfItems);
    if (result.listOfItems.length === 0) return cli.terminal.log('There was no run yet.');
    cli.terminal.print(...runLines(cli.terminal, result.listOfItems));
  });
}

function parseDay(text: string): string {
  if (DAY.test(text)) return text;
  throw new InvalidArgumentError('It must be a day such as 2026-11-21.');
}
