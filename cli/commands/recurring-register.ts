import { Command, InvalidArgumentError, Option } from 'commander';
import { FREQUENCIES } from '../../contracts/recurrence.ts';
import { EXPORT_PATH, FULL_LOAD_PATH, FullLoadAnswer, RegisteredAnswer } from '../../contracts/views/recurring.ts';
import { addExamples, type Cli, parseCount } from '../cli.ts';
import { usage } from '../failure.ts';
import { addClientOptions, type ClientOptions, connect, readJson } from '../http/client.ts';
import { plain } from '../screen/terminal.ts';

interface EntityOptions extends ClientOptions {
  readonly all?: boolean;
  readonly entities?: string;
  readonly from?: string;
}

interface RegisterOptions extends EntityOptions {
  readonly disable?: boolean;
  readonly frequency?: string;
  readonly at?: string;
  readonly timeZone?: string;
  readonly jitter?: number;
  readonly ackHours?: number;
}

export function registerCommand(cli: Cli): Command {
  const command = new Command('register')
    .description('Choose what is exported and when; this replaces the whole configuration')
    .optionsGroup('Options:')
    .option('--all', 'every entity')
    .option('--entities <names>', 'these entities, separated by commas; others become inactive')
    .option('--disable', 'none from now on')
    .addOption(new Option('--frequency <frequency>', 'every day, every Monday, or on the 1st').choices(FREQUENCIES))
    .option('--at <HH:MM>', "when a run is due (default: the operator's setting)")
    .option('--time-zone <name>', 'of --at and of the days, such as Europe/Amsterdam')
    .option('--jitter <minutes>', 'begin up to this many minutes late', parseMinutes)
    .option('--ack-hours <count>', 'e-mail the contacts if a run is not acknowledged within so many hours', parseCount)
    .option('--from <time>', 'where complete loads begin (default: the first row)');
  addExamples(
    command,
    'waybill recurring register --all --at 01:30 --time-zone Europe/Amsterdam',
    'waybill recurring register --entities "user,user logins" --frequency weekly',
    'waybill recurring register --disable',
  );
  return addClientOptions(command).action(async (options: RegisterOptions) => {
    const { at, timeZone, frequency, jitter: jitterMinutes, ackHours } = options;
    const chosen = options.disable ? disabled(options) : choiceOf(options, '--all, --entities or --disable');
    const body = { ...chosen, frequency, at, timeZone, jitterMinutes, ackHours };
    const answer = await connect(cli, options).call('POST', EXPORT_PATH, { body });
    const { result, message } = await readJson(RegisteredAnswer, answer);
    if (options.json) return cli.terminal.printJson(result);
    cli.terminal.logDone(plain(message));
  });
}

export function fullLoadCommand(cli: Cli): Command {
  const command = new Command('full-load')
    .description('Load entities completely with the next run')
    .optionsGroup('Options:')
    .option('--all', 'every registered entity')
    .option('--entities <names>', 'these entities, separated by commas')
    .option('--from <time>', 'where complete loads begin from now on');
  addExamples(command, 'waybill recurring full-load --entities user');
  return addClientOptions(command).action(async (options: EntityOptions) => {
    const body = choiceOf(options, '--all or --entities');
    const answer = await connect(cli, options).call('POST', FULL_LOAD_PATH, { body });
    const { result, message } = await readJson(FullLoadAnswer, answer);
    if (options.json) return cli.terminal.printJson(result);
    cli.terminal.logDone(plain(message));
  });
}

function disabled({ all, entities }: EntityOptions) {
  if (all || entities !== undefined) throw usage('Give --disable alone.');
  return { exportOption: 'disable export' };
}

/** Undefined members are not sent. @throws CliFailure `usage` unless exactly one choice is given */
function choiceOf({ all, entities, from }: EntityOptions, options: string) {
  if ((all === true) === (entities !== undefined)) throw usage(`Which entities? Give one of ${options}.`);
  return all ? { exportOption: 'export all', from } : { exportOption: 'export selected', entityList: entities, from };
}

/** A day has 1,440 minutes. */
const JITTER_MINUTES_MAX = 1439;

function parseMinutes(text: string): number {
  const minutes = Number(text);
  if (/^\d+$/.test(text) && minutes <= JITTER_MINUTES_MAX) return minutes;
  throw new InvalidArgumentError(`It must be a number of minutes up to ${JITTER_MINUTES_MAX}.`);
}
