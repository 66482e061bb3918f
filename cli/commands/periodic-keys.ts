import { Command, InvalidArgumentError } from 'commander';
import { isTimeZone, TIME_OF_DAY } from '../../contracts/recurrence.ts';
import { PERIODIC_PATH, PeriodicView } from '../../contracts/views/periodic.ts';
import { addExamples, type Cli } from '../cli.ts';
import { EXIT } from '../failure.ts';
import { addClientOptions, type Client, type ClientOptions, connect } from '../http/client.ts';
import { runsOf } from '../http/watch.ts';
import { formatRecipient } from '../screen/figures.ts';
import { runEndLine } from '../screen/periodic-lines.ts';
import { plain } from '../screen/terminal.ts';
import { followRun } from './follow.ts';
import { checkKeyOptions, type KeyOptions, type SentKey, sendKey, sendSettings } from './send-key.ts';

interface Options extends KeyOptions, ClientOptions {
  readonly at?: string;
  readonly timeZone?: string;
  readonly wait?: boolean;
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
  return addKeyOptions(command).action((options: Options) => enable(cli, options));
}

export function rotateCommand(cli: Cli): Command {
  const command = new Command('rotate').description(
    'Seal to a new key: files of the old key are removed at once, and a run starts',
  );
  addExamples(command, 'waybill periodic rotate --key-out periodic-2.key --wait');
  return addKeyOptions(command).action((options: Options) => rotate(cli, options));
}

function addKeyOptions(command: Command): Command {
  command
    .optionsGroup('Key:')
    .option('--key-out <file>', 'write the private key to this file, readable by you alone; it must not exist')
    .option('--post-quantum', 'make a post-quantum key')
    .option('--seal <recipient>', 'seal to this age recipient (age1…) instead of a new key')
    .option('--server-key', 'let the server make the key and show it once')
    .optionsGroup('Options:')
    .option('--wait', 'show the progress until the files are published; exit code 1 if the run fails');
  return addClientOptions(command);
}

async function enable(cli: Cli, options: Options): Promise<void> {
  const sent = await connectForKey(cli, options);
  const { before } = sent;
  const { at, timeZone } = options;
  const settings = { ...(at === undefined ? {} : { at }), ...(timeZone === undefined ? {} : { timeZone }) };
  const sending = { ...sent, path: `${PERIODIC_PATH}/enable`, settings };
  // The server refuses a new key when one is kept, and any key when exports are enabled: make none then.
  const needsNoKey = before.enabled || (before.recipient !== null && options.seal === undefined);
  const answer = needsNoKey ? await sendSettings(sending) : await sendKey(sending, options);
  const resumed =
    before.recipient === null ? '' : ' with the previous recipient; the key you have still opens the files';
  await reportKey(cli, sent, options, { ...answer, done: `periodic exports are enabled${resumed}` });
}

async function rotate(cli: Cli, options: Options): Promise<void> {
  const sent = await connectForKey(cli, options);
  const sending = { ...sent, path: `${PERIODIC_PATH}/rotate`, settings: {} };
  const answer = sent.before.enabled ? await sendKey(sending, options) : await sendSettings(sending);
  await reportKey(cli, sent, options, { ...answer, done: 'the key is replaced; the old key no longer opens any file' });
}

interface Connected {
  readonly client: Client;
  readonly signal: AbortSignal;
  readonly before: PeriodicView;
}

async function connectForKey(cli: Cli, options: Options): Promise<Connected> {
  checkKeyOptions(options);
  const client = connect(cli, options);
  const signal = cli.interruptible();
  return { client, signal, before: await client.json(PeriodicView, PERIODIC_PATH, signal) };
}

/** Reports the key, and waits for the run if asked to. */
async function reportKey(
  cli: Cli,
  { client, signal, before }: Connected,
  options: Options,
  { answer, keyFile, privateKey, done }: SentKey & { readonly done: string },
): Promise<void> {
  const { terminal } = cli;
  const quiet = options.json === true;
  // A key that is shown only once is printed before the wait, which may be interrupted.
  if (quiet) {
    const { recipient } = answer;
    terminal.printJson({
      ...{ enabled: true, recipient },
      ...(keyFile ? { keyFile } : {}),
      ...(privateKey ? { privateKey } : {}),
    });
  } else {
    terminal.logDone(done);
    terminal.log(`sealed to ${formatRecipient(plain(answer.recipient))}`);
    if (answer.hint !== undefined) terminal.log(plain(answer.hint));
    if (keyFile !== undefined) terminal.log(`private key in ${keyFile}; keep it: nobody else has it`);
    if (privateKey !== undefined) {
      terminal.log(terminal.paintLog('yellow', 'Keep this private key: it is shown this once and stored nowhere.'));
      terminal.print(privateKey);
    }
    if (!options.wait) terminal.log('watch the run:  waybill periodic status --watch');
  }
  if (!options.wait) return;
  const { view, end } = await followRun(cli, runsOf(before), { client, signal, quiet });
  if (end !== 'published') cli.endWith(EXIT.failed);
  if (!quiet) terminal.log(runEndLine(terminal, view, end));
}

function parseTimeOfDay(text: string): string {
  if (TIME_OF_DAY.test(text)) return text;
  throw new InvalidArgumentError('It must be a time of day such as 01:30.');
}

function parseTimeZone(text: string): string {
  if (isTimeZone(text)) return text;
  throw new InvalidArgumentError('It must be an IANA time zone such as Europe/Amsterdam.');
}
