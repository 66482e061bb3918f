import { type Command, InvalidArgumentError, Option } from 'commander';
import { COMPRESSIONS, FORMATS } from '../../contracts/order.ts';
import { parseCount } from '../cli.ts';
import { usage } from '../failure.ts';

/** The parsed order options of `waybill export`. */
export interface OrderOptions {
  readonly from: string;
  readonly to: string;
  readonly format: string;
  readonly compression?: string;
  readonly seal?: readonly string[];
  readonly columns?: readonly string[];
  readonly param?: Readonly<Record<string, unknown>>;
  readonly csvHeader: boolean;
  readonly csvDelimiter?: string;
  readonly csvBom?: boolean;
  readonly csvNull?: string;
  readonly csvFormulaGuard?: boolean;
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
    .option('--keep-days <days>', 'days to keep the file', parseCount)
    .option('--columns <names>', 'columns, comma-separated, in the order wanted', parseColumns)
    .option(
      '--param <name=value>',
      'a parameter of the dataset, repeatable; \'"123"\' is text, 123 a number',
      parseParameter,
    )
    .optionsGroup('CSV:')
    .option('--no-csv-header', 'omit the header line')
    .option('--csv-delimiter <character>', 'delimiter; \\t is a tab', parseDelimiter)
    .option('--csv-bom', 'begin with a byte order mark, for spreadsheet programs')
    .option('--csv-null <text>', 'text for NULL')
    .option('--csv-formula-guard', 'prefix texts that a spreadsheet would run as formulas with an apostrophe');
}

const ORDER_FIELDS = [
  'startDate',
  'endDate',
  'exportType',
  'format',
  'compression',
  'recipients',
  'columns',
  'csv',
  'keepDays',
];

/** The body of `POST /exports`. Options that are not given are left to the server's defaults. */
export function orderBody(dataset: string, options: OrderOptions): Readonly<Record<string, unknown>> {
  const csv = {
    ...(options.csvHeader ? {} : { header: false }),
    ...(options.csvDelimiter === undefined ? {} : { delimiter: options.csvDelimiter }),
    ...(options.csvBom ? { bom: true } : {}),
    ...(options.csvNull === undefined ? {} : { nullText: options.csvNull }),
    ...(options.csvFormulaGuard ? { formulaGuard: true } : {}),
  };
  const body = {
    startDate: options.from,
    endDate: options.to,
    exportType: dataset,
    format: options.format.toUpperCase(),
    ...(options.compression === undefined ? {} : { compression: options.compression }),
    ...(options.seal === undefined ? {} : { recipients: options.seal }),
    ...(options.columns === undefined ? {} : { columns: options.columns }),
    ...(Object.keys(csv).length === 0 ? {} : { csv }),
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
  if (split < 1) throw new InvalidArgumentError('It is written name=value.');
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
  if (character.length !== 1) throw new InvalidArgumentError('It is one character, or \\t for a tab.');
  return character;
}
