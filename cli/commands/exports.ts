import { Command, Option } from 'commander';
import { EXPORT_STATES, isActive } from '../../contracts/progress.ts';
import { ExportList, ExportView, exportPath } from '../../contracts/views/on-demand.ts';
import { addExamples, type Cli, parseCount } from '../cli.ts';
import { EXIT } from '../failure.ts';
import { addClientOptions, type ClientOptions, connect } from '../http/client.ts';
import { detailLines, endLine, listLines } from '../screen/export-lines.ts';
import { acceptedId } from './export.ts';
import { addDownloadOptions, checkDownload, type DownloadOptions, downloadExport } from './export-download.ts';
import { followExport } from './follow.ts';

export function exportsCommand(cli: Cli): Command {
  return new Command('exports')
    .description('List, show, cancel, resubmit and download exports')
    .addCommand(listCommand(cli))
    .addCommand(showCommand(cli))
    .addCommand(cancelCommand(cli))
    .addCommand(resubmitCommand(cli))
    .addCommand(downloadCommand(cli));
}

interface ListOptions extends ClientOptions {
  readonly state?: string;
  readonly dataset?: string;
  readonly limit: number;
  readonly cursor?: string;
}

function listCommand(cli: Cli): Command {
  const command = new Command('list')
    .description('List your exports, newest first')
    .addOption(new Option('--state <state>', 'only those in this state').choices(EXPORT_STATES))
    .option('--dataset <name>', 'only those of this dataset')
    .option('--limit <count>', 'at most this many', parseCount, 20)
    .option('--cursor <text>', 'continue an earlier list');
  addExamples(command, 'waybill exports list --state running', 'waybill exports list --limit 100 --json');
  return addClientOptions(command).action(async (options: ListOptions) => {
    const { terminal } = cli;
    const { state, dataset, cursor, limit } = options;
    const query = new URLSearchParams({
      limit: String(limit),
      ...(state === undefined ? {} : { status: state }),
      ...(dataset === undefined ? {} : { dataset }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    const list = await connect(cli, options).json(ExportList, `exports?${query}`);
    if (options.json) return terminal.printJson(list);
    if (list.items.length === 0) return terminal.log('No exports.');
    terminal.print(...listLines(terminal, list.items));
    if (list.next !== null) terminal.log(terminal.paintLog('dim', `more:  --cursor ${list.next}`));
  });
}

function showCommand(cli: Cli): Command {
  const command = new Command('show')
    .description('Show one export')
    .argument('<export>', 'its id')
    .option('--watch', 'show the progress until the end; exit code 1 unless it completed');
  return addClientOptions(command).action(async (id: string, options: ClientOptions & { readonly watch?: boolean }) => {
    const client = connect(cli, options);
    let view = await client.json(ExportView, exportPath(id));
    if (options.watch && isActive(view.state)) {
      view = await followExport(cli, id, { client, signal: cli.interruptible(), quiet: options.json === true });
    }
    if (options.watch && view.state !== 'completed') cli.endWith(EXIT.failed);
    if (options.json) return cli.terminal.printJson(view);
    cli.terminal.print(...detailLines(cli.terminal, view));
  });
}

function cancelCommand(cli: Cli): Command {
  const command = new Command('cancel')
    .description('Cancel a running export; what it has written is removed')
    .argument('<export>', 'its id');
  return addClientOptions(command).action(async (id: string, options: ClientOptions) => {
    const { terminal } = cli;
    const client = connect(cli, options);
    let ended = await client.json(ExportView, exportPath(id));
    const wasActive = isActive(ended.state);
    if (wasActive) {
      await client.call('DELETE', exportPath(id));
      ended = await followExport(cli, id, { client, signal: cli.interruptible(), quiet: options.json === true });
    }
    const { state } = ended;
    cli.endWith(state === 'cancelled' ? EXIT.ok : EXIT.failed);
    if (options.json) return terminal.printJson(ended);
    if (!wasActive) return terminal.log(`The export has ended already: ${state}.`);
    if (state === 'cancelled') return terminal.logDone('cancelled; what it had written is removed');
    terminal.log(endLine(terminal, ended));
  });
}

function resubmitCommand(cli: Cli): Command {
  const command = new Command('resubmit').description('Order the same export again').argument('<export>', 'its id');
  return addClientOptions(command).action(async (id: string, options: ClientOptions) => {
    const client = connect(cli, options);
    const resubmitted = await acceptedId(await client.call('POST', exportPath(id, '/resubmit')));
    if (options.json) return cli.terminal.printJson(await client.json(ExportView, exportPath(resubmitted)));
    cli.terminal.log(`watch it:  waybill exports show ${resubmitted} --watch`);
    cli.terminal.print(resubmitted);
  });
}

function downloadCommand(cli: Cli): Command {
  const command = new Command('download')
    .description('Download a finished export, all of its files; resumes an interrupted download')
    .argument('<export>', 'its id')
    .option(
      '-o, --output <file>',
      'file, or directory in which it gets its own name; of several files, their directory',
      '.',
    );
  addDownloadOptions(command);
  addExamples(
    command,
    'waybill exports download 0b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11 --save-manifest',
    'waybill exports download 0b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11 --key-file key.txt --decompress -o users.csv',
  );
  return addClientOptions(command).action(async (id: string, options: ClientOptions & DownloadOptions) => {
    checkDownload(options);
    const following = { client: connect(cli, options), signal: cli.interruptible(), quiet: options.json === true };
    const { manifest, ...saved } = await downloadExport(cli, id, following, options);
    if (!options.json) return cli.terminal.print(saved.file);
    cli.terminal.printJson({ ...saved, rows: manifest.rows, exportId: manifest.runId });
  });
}
