import { Command, InvalidArgumentError } from 'commander';
import { isTimeZone, TIME_OF_DAY } from '../../contracts/recurrence.ts';
import { PERIODIC_PATH, PeriodicView } from '../../contracts/views/periodic.ts';
import { addExamples, addJsonOption, type Cli, printJson } from '../cli.ts';
import { EXIT } from '../failure.ts';
import {
  addConnectionOptions,
  type Client,
  type ConnectionOptions,
  createClient,
  readConnection,
} from '../http/client.ts';
import { runsOf } from '../http/watch.ts';
import { shortRecipient } from '../screen/export-lines.ts';
import { runEndLine } from '../screen/periodic-lines.ts';
import { plain } from '../screen/terminal.ts';
import { followRun } from './follow.ts';
import { checkKeyOptions, type KeyOptions, type SentKey, sendKey, sendNothing } from './send-key.ts';

interface Options extends KeyOptions, ConnectionOptions {
  readonly at?: string;
  readonly timeZone?: string;
  readonly wait?: boolean;
  readonly json?: boolean;
}

export function enableCommand(cli: Cli): Command {
  const command = new Command('enable')
    .description(
      'Enable nightly exports of all files, sealed to a key made on this machine; the first run starts at once',
    )
    .optionsGroup('Options:')
    .option('--at <time>', 'time of the daily run, HH:MM', parseTimeOfDay)
    .option('--time-zone <name>', 'time zone of --at, for example Europe/Amsterdam', parseTimeZone);
  addExamples(
    command,
    'waybill periodic enable --key-out periodic.key --wait',
    'waybill periodic enable --seal age1… --at 03:00 --time-zone Europe/Amsterdam',
  );
  return withKeyOptions(command).action((options: Options) => enable(cli, options));
}

export function rotateCommand(cli: Cli): Command {
  const command = new Command('rotate').description(
    'Seal to a new key: files of the old key are removed at once, and a run starts',
  );
  addExamples(command, 'waybill periodic rotate --key-out periodic-2.key --wait');
  return withKeyOptions(command).action((options: Options) => rotate(cli, options));
}

function withKeyOptions(command: Command): Command {
  command
    .optionsGroup('Key:')
    .option('--key-out <file>', 'write the private key to this file, readable by you alone; it must not exist')
    .option('--post-quantum', 'make a post-quantum key')
    .option('--seal <recipient>', 'seal to this age recipient (age1…) instead of a new key')
    .option('--server-key', 'let the server make the key and show it once')
    .optionsGroup('Options:')
    .option('--wait', 'show the progress until the files are published; exit code 1 if the run fails');
  return addConnectionOptions(addJsonOption(command));
}

async function enable(cli: Cli, options: Options): Promise<void> {
  checkKeyOptions(options);
  const client = createClient(readConnection(options, cli.environment));
  const signal = cli.interruptible();
  const before = await client.json(PeriodicView, PERIODIC_PATH, signal);
  const path = `${PERIODIC_PATH}/enable`;
  const runTime = {
    ...(options.at === undefined ? {} : { at: options.at }),
    ...(options.timeZone === undefined ? {} : { timeZone: options.timeZone }),
  };
  // A key that was kept goes on: a new one would be refused. So is enabling twice, and no key need be made for that.
  const noKeyWanted = before.enabled || (before.recipient !== null && options.seal === undefined);
  const answer = noKeyWanted
    ? await sendNothing({ client, path, more: runTime, signal })
    : await sendKey({ client, path, more: runTime, signal }, options);
  const { terminal } = cli;
  if (options.json !== true) {
    const resumed =
      before.recipient !== null ? ', with the recipient that was kept: the key you have opens the files' : '';
    terminal.tell(`${terminal.paintTold('green', '✓')} periodic exports are enabled${resumed}`);
  }
  await tellKey(cli, { client, before, signal, options }, answer);
}

async function rotate(cli: Cli, options: Options): Promise<void> {
  checkKeyOptions(options);
  const client = createClient(readConnection(options, cli.environment));
  const signal = cli.interruptible();
  const before = await client.json(PeriodicView, PERIODIC_PATH, signal);
  const sending = { client, path: `${PERIODIC_PATH}/rotate`, more: {}, signal };
  const answer = before.enabled ? await sendKey(sending, options) : await sendNothing(sending);
  if (options.json !== true) {
    const check = cli.terminal.paintTold('green', '✓');
    cli.terminal.tell(`${check} the key is replaced; the old key no longer opens any file`);
  }
  await tellKey(cli, { client, before, signal, options }, answer);
}

interface Sent {
  readonly client: Client;
  readonly before: PeriodicView;
  readonly signal: AbortSignal;
  readonly options: Options;
}

/** Tells what was answered, and waits for the run where that is asked for. */
async function tellKey(cli: Cli, sent: Sent, { answer, keyFile, privateKey }: SentKey): Promise<void> {
  const { terminal } = cli;
  const { options, before, client, signal } = sent;
  const quiet = options.json === true;
  if (!quiet) {
    terminal.tell(`sealed to ${shortRecipient(plain(answer.recipient))}`);
    if (answer.hint !== undefined) terminal.tell(plain(answer.hint));
    if (keyFile !== undefined) terminal.tell(`private key in ${keyFile}; keep it: nobody else has it`);
    if (privateKey !== undefined) {
      terminal.tell(terminal.paintTold('yellow', 'Keep this private key: it is shown this once and stored nowhere.'));
      terminal.print(privateKey);
    }
  }
  const key = { recipient: answer.recipient, ...(keyFile ? { keyFile } : {}), ...(privateKey ? { privateKey } : {}) };
  if (options.wait !== true) {
    if (quiet) return printJson(terminal, { enabled: true, ...key });
    return terminal.tell('watch the run:  waybill periodic status --watch');
  }
  // A key that is shown once is out before the waiting begins, which may be stopped.
  if (quiet) printJson(terminal, { enabled: true, ...key });
  const { view, end } = await followRun(cli, runsOf(before), { client, signal, quiet });
  if (end !== 'published') cli.endWith(EXIT.failed);
  if (!quiet) terminal.tell(runEndLine(terminal, view, end));
}

function parseTimeOfDay(text: string): string {
  if (TIME_OF_DAY.test(text)) return text;
  throw new InvalidArgumentError('It is a time of day such as 01:30.');
}

function parseTimeZone(text: string): string {
  if (isTimeZone(text)) return text;
  throw new InvalidArgumentError('It is an IANA time zone such as Europe/Amsterdam.');
}
