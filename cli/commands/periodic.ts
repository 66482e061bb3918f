import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { DisabledAnswer, PERIODIC_PATH, PeriodicView } from '../../contracts/views/periodic.ts';
import { addExamples, type Cli } from '../cli.ts';
import { CliFailure, EXIT, usage } from '../failure.ts';
import { addClientOptions, type Client, type ClientOptions, connect, readJson } from '../http/client.ts';
import { runsOf } from '../http/watch.ts';
import { periodicLines } from '../screen/periodic-lines.ts';
import { followRun } from './follow.ts';
import { downloadAllCommand, downloadCommand } from './periodic-download.ts';
import { enableCommand, rotateCommand } from './periodic-keys.ts';

/** Delay between two requests to delete, while a run that is being cancelled still has files. */
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
  return addClientOptions(command).action(async (options: ClientOptions & { readonly watch?: boolean }) => {
    const client = connect(cli, options);
    let view = await client.json(PeriodicView, PERIODIC_PATH);
    if (options.watch && view.running !== null) {
      const earlier = runsOf({ ...view, running: null });
      const quiet = options.json === true;
      const followed = await followRun(cli, earlier, { client, signal: cli.interruptible(), quiet });
      view = followed.view;
      if (followed.end !== 'published') cli.endWith(EXIT.failed);
    }
    if (options.json) return cli.terminal.printJson(view);
    cli.terminal.print(...periodicLines(cli.terminal, view));
  });
}

interface DisableOptions extends ClientOptions {
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
  return addClientOptions(command).action(async (options: DisableOptions) => {
    const remove = options.deleteSettings === true;
    if (remove && !options.yes) {
      throw usage('This removes all files and makes the key useless. Add --yes to confirm.');
    }
    await disable(connect(cli, options), remove, cli.interruptible());
    if (options.json) return cli.terminal.printJson({ enabled: false, deleted: remove });
    const rest = remove
      ? 'all files are removed, and the key is useless'
      : 'files and key stay; "enable" resumes with them';
    cli.terminal.logDone(`periodic exports are disabled; ${rest}`);
  });
}

async function disable(client: Client, remove: boolean, signal: AbortSignal): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      const answer = await client.call('POST', `${PERIODIC_PATH}/disable?deleteSettings=${remove}`, { signal });
      await readJson(DisabledAnswer, answer);
      return;
    } catch (error) {
      // The server resumes where it stopped: the settings are already gone, some files are not.
      if (!(error instanceof CliFailure && error.code === 'settings_busy') || tries >= BUSY_TRIES_MAX) throw error;
      await delay(BUSY_MS, undefined, { signal });
    }
  }
}
