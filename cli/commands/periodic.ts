import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { DisabledAnswer, PERIODIC_PATH, PeriodicView } from '../../contracts/views/periodic.ts';
import { addExamples, addJsonOption, type Cli, printJson } from '../cli.ts';
import { CliFailure, EXIT, usage } from '../failure.ts';
import {
  addConnectionOptions,
  type Client,
  type ConnectionOptions,
  createClient,
  readConnection,
  readJson,
} from '../http/client.ts';
import { runsOf } from '../http/watch.ts';
import { periodicLines } from '../screen/periodic-lines.ts';
import { followRun } from './follow.ts';
import { downloadAllCommand, downloadCommand } from './periodic-download.ts';
import { enableCommand, rotateCommand } from './periodic-key.ts';

type Common = ConnectionOptions & { readonly json?: boolean };

/** Between two requests to delete, while a run that is being ended still holds files. */
const BUSY_MS = 2_000;
const BUSY_TRIES_MAX = 60;

export function periodicCommand(cli: Cli): Command {
  return new Command('periodic')
    .description('Nightly exports of all files, sealed to a key that only you have')
    .addCommand(statusCommand(cli))
    .addCommand(enableCommand(cli))
    .addCommand(downloadCommand(cli))
    .addCommand(downloadAllCommand(cli))
    .addCommand(rotateCommand(cli))
    .addCommand(disableCommand(cli));
}

function statusCommand(cli: Cli): Command {
  const command = new Command('status')
    .description('Show settings, runs, and the files that can be downloaded')
    .optionsGroup('Options:')
    .option('--watch', 'show the progress of the current run until the end; exit code 1 if it fails');
  addExamples(command, 'waybill periodic status', 'waybill periodic status --watch --json');
  addConnectionOptions(addJsonOption(command));
  return command.action(async (options: Common & { readonly watch?: boolean }) => {
    const client = createClient(readConnection(options, cli.environment));
    let view = await client.json(PeriodicView, PERIODIC_PATH);
    if (options.watch && view.running !== null) {
      const earlier = runsOf({ ...view, running: null });
      const quiet = options.json === true;
      const followed = await followRun(cli, earlier, { client, signal: cli.interruptible(), quiet });
      view = followed.view;
      if (followed.end !== 'published') cli.endWith(EXIT.failed);
    }
    if (options.json) return printJson(cli.terminal, view);
    for (const line of periodicLines(cli.terminal, view)) cli.terminal.print(line);
  });
}

interface DisableOptions extends Common {
  readonly deleteSettings?: boolean;
  readonly yes?: boolean;
}

function disableCommand(cli: Cli): Command {
  const command = new Command('disable')
    .description('Stop the nightly runs; files and key stay until they are deleted')
    .optionsGroup('Options:')
    .option('--delete-settings', 'also remove all files and forget the recipient; the key becomes useless; needs --yes')
    .option('--yes', 'confirm the deletion');
  addExamples(command, 'waybill periodic disable', 'waybill periodic disable --delete-settings --yes');
  addConnectionOptions(addJsonOption(command));
  return command.action(async (options: DisableOptions) => {
    const remove = options.deleteSettings === true;
    if (remove && !options.yes) {
      throw usage('All files would be removed, and the key void for good. Add --yes if that is what you want.');
    }
    const client = createClient(readConnection(options, cli.environment));
    await disable(client, remove, cli.interruptible());
    const { terminal } = cli;
    if (options.json) return printJson(terminal, { enabled: false, deleted: remove });
    const rest = remove ? 'no file is left, and the key is void' : 'files and key stay; enable goes on with them';
    terminal.tell(`${terminal.paintTold('green', '✓')} periodic exports are disabled; ${rest}`);
  });
}

async function disable(client: Client, remove: boolean, signal: AbortSignal): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      const answer = await client.call('POST', `${PERIODIC_PATH}/disable?deleteSettings=${remove}`, { signal });
      await readJson(DisabledAnswer, answer);
      return;
    } catch (error) {
      // It goes on where it stopped; until then, the settings are gone already and some files are not.
      if (!(error instanceof CliFailure && error.code === 'settings_busy') || tries >= BUSY_TRIES_MAX) throw error;
      await delay(BUSY_MS, undefined, { signal });
    }
  }
}
