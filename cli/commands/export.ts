import { Command, InvalidArgumentError, Option } from 'commander';
import type { RequestedFilter } from '../../contracts/filter.ts';
import { decodeJobId } from '../../contracts/job-id.ts';
import { COMPRESSIONS, CSV_PRESET_NAMES, FORMATS } from '../../contracts/order.ts';
import { Accepted, ExportView, exportPath, FILE_COUNTS } from '../../contracts/views/on-demand.ts';
import { addExamples, addJsonOption, type Cli, parseCount } from '../cli.ts';
import { EXIT, usage } from '../failure.ts';
import { isDirectory } from '../files/save.ts';
import { addConnectionOptions, type ClientOptions, connect, readJson } from '../http/client.ts';
import { endLine } from '../screen/export-lines.ts';
import { addDownloadOptions, checkDownload, type DownloadOptions, downloadExport } from './export-download.ts';
import { parseFilter } from './filter-option.ts';
import { followExport } from './follow.ts';

type Options = OrderOptions &
  ClientOptions &
  Omit<DownloadOptions, 'output'> & {
    readonly output?: string;
    readonly watch?: boolean;
    readonly idempotencyKey?: string;
    readonly callbackUrl?: string;
  };

export function exportCommand(cli: Cli): Command {
  const command = new Command('export')
    .description('Order an export; optionally watch and download it')
    .argument('<dataset>', 'name of a dataset, in any case')
    .optionsGroup('Options:')
    .option('--watch', 'show the progress until the end')
    .option('-o, --output <file>', 'wait, then download to this file or directory')
    .option('--idempotency-key <text>', 'a repeated order with the same key is the same export')
    .option('--callback-url <url>', 'address that is told of the end, signed with the secret of waybill webhook');
  addJsonOption(command);
  addOrderOptions(command);
  addDownloadOptions(command);
  addConnectionOptions(command);
  addExamples(
    command,
    'waybill export USERS --from 2025-01-01 --to 2025-12-31T23:59:59.999999Z --watch',
    'waybill export FLIGHTS --from 2001-01-01 --to 2002-01-01 --compression zstd \\',
    '    --seal age1… --key-file key.txt --decompress -o flights.csv',
    'waybill export FLIGHTS --from 2001-01-01 --to 2002-01-01 --rows-per-file 1000000 --seal age1… -o flights/',
    'waybill export USERS --from 2025-01-01 --to 2025-02-01 --format jsonl --json',
    'waybill export FLIGHTS --from 2001-01-01 --to 2002-01-01 --filter origin=SFO --filter delay:range=60..',
  );
  return command.action((dataset: string, options: Options) => orderExport(cli, dataset, options));
}

async function orderExport(cli: Cli, dataset: string, options: Options): Promise<void> {
  const { terminal } = cli;
  const download: DownloadOptions | undefined =
    options.output === undefined ? undefined : { ...options, output: options.output };
  if (download) {
    checkDownload(download);
    if (options.rowsPerFile !== undefined && !isDirectory(download.output)) {
      throw usage('With --rows-per-file there may be several files, so -o must be a directory.');
    }
  }
  const client = connect(cli, options);
  const signal = cli.interruptible();
  const answer = await client.call('POST', 'exports', {
    body: {
      ...orderBody(dataset, options),
      ...(options.callbackUrl === undefined ? {} : { callbackUrl: options.callbackUrl }),
    },
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
  if (!downloaded) return terminal.printJson(ended);
  const { manifest: _, ...saved } = downloaded;
  terminal.printJson({ ...ended, saved });
}

/** @returns id of the export that the server accepted */
export async function acceptedId(answer: Response): Promise<string> {
  const { job } = await readJson(Accepted, answer);
  return decodeJobId(job.id)?.runId ?? job.id;
}

/** The parsed order options of `waybill export`. */
export interface OrderOptions {
  readonly from: string;
  readonly to: string;
  readonly format: string;
  readonly compression?: string;
  readonly seal?: readonly string[];
  readonly columns?: readonly string[];
  readonly filter?: RequestedFilter;
  readonly timeZone?: string;
  readonly param?: Readonly<Record<string, unknown>>;
  readonly csvPreset?: string;
  readonly csvHeader: boolean;
  readonly csvDelimiter?: string;
  readonly csvBom?: boolean;
  readonly csvNull?: string;
  readonly csvFormulaGuard?: boolean;
  readonly csvDecimalComma?: boolean;
  readonly csvCrlf?: boolean;
  readonly rowsPerFile?: number;
  readonly files?: string;
  readonly keepDays?: number;
}

export function addOrderOptions(command: Command): Command {
  return command
    .optionsGroup('Order:')
    .requiredOption('--from <time>', 'first moment of the window, ISO 8601; a date means its midnight, UTC')
    .requiredOption('--to <time>', 'last moment of the window, included')
    .addOption(new Option('--format <format>', 'file format').choices(FORMATS).default('csv'))
    .addOption(new Option('--compression <kind>', 'compression of the file').choices(COMPRESSIONS))
    .option('--seal <recipient...>', 'age recipients (age1…); only they can open the file')
    .option('--rows-per-file <count>', 'several files of at most so many rows; -o is then a directory', parseCount)
    .addOption(
      new Option('--files <count>', 'auto: several files if there are many rows')
        .choices(FILE_COUNTS)
        .conflicts('rowsPerFile'),
    )
    .option('--keep-days <days>', 'days to keep the file', parseCount)
    .option('--columns <names>', 'columns, comma-separated, in the order wanted', parseColumns)
    .option(
      '--filter <condition>',
      'only rows that meet it, repeatable: column=value, column:in=a,b, column:range=from..to, column:isNull',
      parseFilter,
    )
    .option('--time-zone <name>', 'IANA time zone in which timestamps are written; default UTC')
    .option(
      '--param <name=value>',
      'a parameter of the dataset, repeatable; \'"123"\' is text, 123 a number',
      parseParameter,
    )
    .optionsGroup('CSV:')
    .addOption(
      new Option(
        '--csv-preset <name>',
        'excel: ; as delimiter, decimal comma, byte order mark, CRLF, formula guard',
      ).choices(CSV_PRESET_NAMES),
    )
    .option('--no-csv-header', 'omit the header line')
    .option('--csv-delimiter <character>', 'delimiter; \\t is a tab', parseDelimiter)
    .option('--csv-bom', 'begin with a byte order mark, for spreadsheet programs')
    .option('--csv-null <text>', 'text for NULL')
    .option('--csv-formula-guard', 'prefix texts that a spreadsheet would run as formulas with an apostrophe')
    .option('--csv-decimal-comma', 'write decimal and double numbers with a comma')
    .option('--csv-crlf', 'end lines in CRLF');
}

const ORDER_FIELDS = [
  'startDate',
  'endDate',
  'exportType',
  'format',
  'compression',
  'recipients',
  'columns',
  'filter',
  'timeZone',
  'csv',
  'rowsPerFile',
  'files',
  'keepDays',
  'callbackUrl',
];

/** The body of `POST /exports`. Options that are not given are left to the server's defaults. */
export function orderBody(dataset: string, options: OrderOptions): Readonly<Record<string, unknown>> {
  const csv = {
    ...(options.csvPreset === undefined ? {} : { preset: options.csvPreset }),
    ...(options.csvHeader ? {} : { header: false }),
    ...(options.csvDelimiter === undefined ? {} : { delimiter: options.csvDelimiter }),
    ...(options.csvBom ? { bom: true } : {}),
    ...(options.csvNull === undefined ? {} : { nullText: options.csvNull }),
    ...(options.csvFormulaGuard ? { formulaGuard: true } : {}),
    ...(options.csvDecimalComma ? { decimalComma: true } : {}),
    ...(options.csvCrlf ? { crlf: true } : {}),
  };
  const body = {
    startDate: options.from,
    endDate: options.to,
    exportType: dataset,
    format: options.format.toUpperCase(),
    ...(options.compression === undefined ? {} : { compression: options.compression }),
    ...(options.seal === undefined ? {} : { recipients: options.seal }),
    ...(options.columns === undefined ? {} : { columns: options.columns }),
    ...(options.timeZone === undefined ? {} : { timeZone: options.timeZone }),
    ...(options.filter === undefined ? {} : { filter: options.filter }),
    ...(Object.keys(csv).length === 0 ? {} : { csv }),
    ...(options.rowsPerFile === undefined ? {} : { rowsPerFile: options.rowsPerFile }),
    ...(options.files === undefined ? {} : { files: options.files }),
    ...(options.keepDays === undefined ? {} : { keepDays: options.keepDays }),
  };
  const reserved = Object.keys(options.param ?? {}).find((name) => ORDER_FIELDS.includes(name));
  if (reserved !== undefined) throw usage(`--param ${reserved}: use the option for that field.`);
  return { ...options.param, ...body };
}

export function parseColumns(text: string): readonly string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/**
 * Adds `name=value` to the earlier ones. A JSON number, `true`, `false` or a quoted text is parsed; anything else is
 * text, and so is an integer that JavaScript cannot represent exactly.
 */
export function parseParameter(text: string, earlier: Readonly<Record<string, unknown>> = {}) {
  const split = text.indexOf('=');
  if (split < 1) throw new InvalidArgumentError('It must be name=value.');
  return { ...earlier, [text.slice(0, split)]: parseValue(text.slice(split + 1)) };
}

function parseValue(text: string): string | number | boolean {
  if (!/^(-?\d+(\.\d+)?|true|false|".*")$/s.test(text)) return text;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  if (typeof value === 'number') return Number.isSafeInteger(value) || !Number.isInteger(value) ? value : text;
  return typeof value === 'string' || typeof value === 'boolean' ? value : text;
}

export function parseDelimiter(text: string): string {
  const character = text === '\\t' ? '\t' : text;
  if (character.length !== 1) throw new InvalidArgumentError('It must be one character, or \\t for a tab.');
  return character;
}
