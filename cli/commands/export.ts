import { Command } from 'commander';
import { decodeJobId } from '../../contracts/job-id.ts';
import { Accepted, ExportView, exportPath } from '../../contracts/views/on-demand.ts';
import { addExamples, addJsonOption, type Cli } from '../cli.ts';
import { EXIT } from '../failure.ts';
import { addConnectionOptions, type ClientOptions, connect, readJson } from '../http/client.ts';
import { endLine } from '../screen/export-lines.ts';
import { addDownloadOptions, checkDownload, type DownloadOptions, downloadExport } from './export-download.ts';
import { followExport } from './follow.ts';
import { addOrderOptions, type OrderOptions, orderBody } from './order-options.ts';

type Options = OrderOptions &
  ClientOptions &
  Omit<DownloadOptions, 'output'> & {
    readonly output?: string;
    readonly watch?: boolean;
    readonly idempotencyKey?: string;
  };

export function exportCommand(cli: Cli): Command {
  const command = new Command('export')
    .description('Order an export; optionally watch and download it')
    .argument('<dataset>', 'name of a dataset, in any case')
    .optionsGroup('Options:')
    .option('--watch', 'show the progress until the end')
    .option('-o, --output <file>', 'wait, then download to this file or directory')
    .option('--idempotency-key <text>', 'a repeated order with the same key is the same export');
  addJsonOption(command);
  addOrderOptions(command);
  addDownloadOptions(command);
  addConnectionOptions(command);
  addExamples(
    command,
    'waybill export USERS --from 2025-01-01 --to 2025-12-31T23:59:59.999999Z --watch',
    'waybill export FLIGHTS --from 2001-01-01 --to 2002-01-01 --compression zstd \\',
    '    --seal age1… --key-file key.txt --decompress -o flights.csv',
    'waybill export USERS --from 2025-01-01 --to 2025-02-01 --format jsonl --json',
  );
  return command.action((dataset: string, options: Options) => orderExport(cli, dataset, options));
}

async function orderExport(cli: Cli, dataset: string, options: Options): Promise<void> {
  const { terminal } = cli;
  const download: DownloadOptions | undefined =
    options.output === undefined ? undefined : { ...options, output: options.output };
  if (download) checkDownload(download);
  const client = connect(cli, options);
  const signal = cli.interruptible();
  const answer = await client.call('POST', 'exports', {
    body: orderBody(dataset, options),
    headers: options.idempotencyKey === undefined ? {} : { 'idempotency-key': options.idempotencyKey },
    signal,
  });
  const id = await acceptedId(answer);
  const quiet = options.json === true;

  if (!options.watch && !download) {
    if (quiet) return terminal.printJson(await client.json(ExportView, exportPath(id), signal));
    terminal.logDone(`ordered; watch it:  waybill exports show ${id} --watch`);
    return terminal.print(id);
  }
  if (!quiet) terminal.log(terminal.paintLog('dim', `export ${id}`));
  const following = { client, signal, quiet };
  const ended = await followExport(cli, id, following);
  if (!quiet) terminal.log(endLine(terminal, ended));
  if (ended.state !== 'completed') cli.endWith(EXIT.failed);
  const downloaded =
    download && ended.state === 'completed' ? await downloadExport(cli, id, following, download) : undefined;
  if (!quiet) return;
  terminal.printJson(downloaded ? { ...ended, saved: { file: downloaded.file, bytes: downloaded.bytes } } : ended);
}

/** @returns id of the export that the server accepted */
export async function acceptedId(answer: Response): Promise<string> {
  const { job } = await readJson(Accepted, answer);
  return decodeJobId(job.id)?.runId ?? job.id;
}
