import { Command, Option } from 'commander';
import { decodeJobId } from '../../contracts/job-id.ts';
import { EXPORT_STATES, isActive } from '../../contracts/progress.ts';
import { Accepted, ExportList, ExportView, exportPath } from '../../contracts/views/on-demand.ts';
import { addExamples, addJsonOption, type Cli, parseCount, printJson } from '../cli.ts';
import { EXIT } from '../failure.ts';
import {
  addConnectionOptions,
  type Client,
  type ConnectionOptions,
  createClient,
  readConnection,
  readJson,
} from '../http/client.ts';
import { detailLines, endLine, listLines } from '../screen/export-lines.ts';
import { addDownloadOptions, checkDownload, type DownloadOptions, downloadExport } from './export-download.ts';
import { followExport } from './follow.ts';

type Common = ConnectionOptions & { readonly json?: boolean };

export function exportsCommand(cli: Cli): Command {
  return new Command('exports')
    .description('List, show, cancel, resubmit and download exports')
    .addCommand(listCommand(cli))
    .addCommand(showCommand(cli))
    .addCommand(cancelCommand(cli))
    .addCommand(resubmitCommand(cli))
    .addCommand(downloadCommand(cli));
}

function connect(cli: Cli, options: Common): Client {
  return createClient(readConnection(options, cli.environment));
}

function withCommon(command: Command): Command {
  command.optionsGroup('Options:');
  return addConnectionOptions(addJsonOption(command));
}

interface ListOptions extends Common {
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
  return withCommon(command).action(async (options: ListOptions) => {
    const query = new URLSearchParams({ limit: String(options.limit) });
    for (const [name, value] of [
      ['status', options.state],
      ['dataset', options.dataset],
      ['cursor', options.cursor],
    ] as const) {
      if (value !== undefined) query.set(name, value);
    }
    const list = await connect(cli, options).json(ExportList, `exports?${query}`);
    if (options.json) return printJson(cli.terminal, list);
    if (list.items.length === 0) return cli.terminal.tell('No exports.');
    for (const line of listLines(cli.terminal, list.items)) cli.terminal.print(line);
    if (list.next !== null) cli.terminal.tell(cli.terminal.paintTold('dim', `more:  --cursor ${list.next}`));
  });
}

function showCommand(cli: Cli): Command {
  const command = new Command('show')
    .description('Show one export')
    .argument('<export>', 'its id')
    .option('--watch', 'show the progress until the end; exit code 1 unless it completed');
  return withCommon(command).action(async (id: string, options: Common & { readonly watch?: boolean }) => {
    const client = connect(cli, options);
    let view = await client.json(ExportView, exportPath(id));
    if (options.watch && isActive(view.state)) {
      view = await followExport(cli, id, { client, signal: cli.interruptible(), quiet: options.json === true });
    }
    if (options.watch && view.state !== 'completed') cli.endWith(EXIT.failed);
    if (options.json) return printJson(cli.terminal, view);
    for (const line of detailLines(cli.terminal, view)) cli.terminal.print(line);
  });
}

function cancelCommand(cli: Cli): Command {
  const command = new Command('cancel')
    .description('Cancel a running export; what it has written is removed')
    .argument('<export>', 'its id');
  return withCommon(command).action(async (id: string, options: Common) => {
    const client = connect(cli, options);
    const view = await client.json(ExportView, exportPath(id));
    if (!isActive(view.state)) {
      if (options.json) printJson(cli.terminal, view);
      else cli.terminal.tell(`The export has ended already: ${view.state}.`);
      return cli.endWith(view.state === 'cancelled' ? EXIT.ok : EXIT.failed);
    }
    await client.call('DELETE', exportPath(id));
    const ended = await followExport(cli, id, { client, signal: cli.interruptible(), quiet: options.json === true });
    const { terminal } = cli;
    if (options.json) printJson(terminal, ended);
    else if (ended.state === 'cancelled') {
      terminal.tell(`${terminal.paintTold('green', '✓')} cancelled; what it had written is removed`);
    } else terminal.tell(endLine(terminal, ended));
    cli.endWith(ended.state === 'cancelled' ? EXIT.ok : EXIT.failed);
  });
}

function resubmitCommand(cli: Cli): Command {
  const command = new Command('resubmit').description('Order the same export again').argument('<export>', 'its id');
  return withCommon(command).action(async (id: string, options: Common) => {
    const client = connect(cli, options);
    const { job } = await readJson(Accepted, await client.call('POST', exportPath(id, '/resubmit')));
    const fresh = decodeJobId(job.id)?.runId ?? job.id;
    if (options.json) return printJson(cli.terminal, await client.json(ExportView, exportPath(fresh)));
    cli.terminal.tell(`watch it:  waybill exports show ${fresh} --watch`);
    cli.terminal.print(fresh);
  });
}

function downloadCommand(cli: Cli): Command {
  const command = new Command('download')
    .description('Download a finished export; resumes an interrupted download')
    .argument('<export>', 'its id')
    .option('-o, --output <file>', 'file, or directory in which it gets its own name', '.');
  addDownloadOptions(command);
  addExamples(
    command,
    'waybill exports download 0b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11 --save-manifest',
    'waybill exports download 0b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11 --key-file key.txt --decompress -o users.csv',
  );
  return withCommon(command).action(async (id: string, options: Common & DownloadOptions) => {
    checkDownload(options);
    const client = connect(cli, options);
    const quiet = options.json === true;
    const { file, bytes, manifest } = await downloadExport(
      cli,
      { client, id, signal: cli.interruptible(), quiet },
      options,
    );
    if (quiet) printJson(cli.terminal, { file, bytes, rows: manifest.rows, exportId: manifest.runId });
    else cli.terminal.print(file);
  });
}
