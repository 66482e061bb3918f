import type { Condition } from './filter.ts';
import type { ArchiveOrder, ArchiveType } from './questionnaires.ts';
import type { Day } from './recurrence.ts';
import type { InclusiveWindow, Window } from './window.ts';

/** File formats an order on demand may ask for. */
export const FORMATS = ['csv', 'jsonl', 'xlsx', 'parquet', 'sav', 'zsav', 'dta'] as const;
export type Format = (typeof FORMATS)[number];

/**
 * All that files are written in. `json` is one array of objects whose values are texts, as in CSV, or null; in
 * `typed-json` they are numbers, booleans, objects and arrays where the column's type says so. `rows-json` is one array of
 * arrays, the first with the headers; its values are those of JSONL. `tab` is what statistics packages read as text: UTF-8 with a
 * byte order mark, tabs, CRLF, nothing quoted. `sav` is a system file of SPSS, `zsav` the same compressed by zlib,
 * `dta` a file of Stata.
 */
export const FILE_FORMATS = [
  'csv',
  'jsonl',
  'json',
  'typed-json',
  'rows-json',
  'tab',
  'xlsx',
  'parquet',
  'sav',
  'zsav',
  'dta',
] as const;
export type FileFormat = (typeof FILE_FORMATS)[number];

/** All that is stored: a file as it is ordered, or an archive of several. */
export const STORED_FORMATS = [...FILE_FORMATS, 'zip'] as const;
export type StoredFormat = (typeof STORED_FORMATS)[number];

/** Files of statistics packages, which are made of column vectors; the warehouse itself writes all others. */
export type StatisticsFormat = 'sav' | 'zsav' | 'dta';

export function isStatisticsFormat(format: FileFormat): format is StatisticsFormat {
  return format === 'sav' || format === 'zsav' || format === 'dta';
}

/** Whether files of the format are compressed by themselves, so that they take no other compression. */
export function hasOwnCompression(format: FileFormat): boolean {
  return format === 'parquet' || format === 'xlsx' || format === 'sav' || format === 'zsav';
}

/** Whether parts can be concatenated to a whole file. A file of another format has one part. */
export function isSplittable(format: FileFormat): boolean {
  return format === 'csv' || format === 'jsonl';
}

/** How the bytes are compressed before they are sealed. */
export const COMPRESSIONS = ['none', 'gzip', 'zstd'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** How CSV is written (RFC 4180, UTF-8). */
export interface CsvOptions {
  /** Whether the first line names the columns. @default true */
  readonly header: boolean;
  /** One ASCII character between values. @default ',' */
  readonly delimiter: string;
  /** Whether the file begins with the UTF-8 byte order mark, which spreadsheet programs want. @default false */
  readonly bom: boolean;
  /** What stands for NULL; an empty string is then quoted, so the two differ. @default '' */
  readonly nullText: string;
  /**
   * Whether texts that a spreadsheet would run as a formula get an apostrophe in front. Numbers such as `-5.00` are
   * left alone. @default false
   */
  readonly formulaGuard: boolean;
  /** Whether decimal and double numbers have a comma instead of the point. @default false */
  readonly decimalComma?: boolean | undefined;
  /** Whether lines end in CRLF instead of LF. @default false */
  readonly crlf?: boolean | undefined;
}

export const CSV_DEFAULTS: CsvOptions = { header: true, delimiter: ',', bom: false, nullText: '', formulaGuard: false };

/** Defaults by the name of a preset. `excel`: what Excel opens by a double click where numbers have a decimal comma. */
export const CSV_PRESETS = {
  excel: { delimiter: ';', bom: true, decimalComma: true, crlf: true, formulaGuard: true },
} as const satisfies Readonly<Record<string, Partial<CsvOptions>>>;
export type CsvPreset = keyof typeof CSV_PRESETS;
export const CSV_PRESET_NAMES = Object.keys(CSV_PRESETS) as readonly CsvPreset[];

export type ParameterValue = string | number | boolean;

/** Whether the rows of a file are those that are there when it is written, so that nobody has counted them before. */
export function isUncounted({ rows }: Pick<FileContent, 'rows'>): boolean {
  return rows === 'keys' || rows === 'gone';
}

/** Which rows of a tenant go into one file, and how. */
export interface FileContent {
  /** Name of a dataset in the catalog, as written there. */
  readonly dataset: string;
  /** `null`: the complete history, rows without a time included. */
  readonly window: Window | null;
  /**
   * `deleted`: only rows that the dataset's deletion marker marks. `keys`: all rows that there are when they are read. `gone`: the
   * columns of rows that `keys` had in the run {@link base}, and that are no longer there. @default all rows up to the snapshot
   */
  readonly rows?: 'deleted' | 'keys' | 'gone';
  /** Run id. */
  readonly base?: string;
  /** Values of the dataset's own parameters, by name. */
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  /** Conditions that a row must meet. @default all rows */
  readonly filter?: readonly Condition[];
  readonly format: FileFormat;
  readonly csv: CsvOptions;
  /** IANA time zone in which timestamps are written; not in Parquet, which has instants. @default UTC */
  readonly timeZone?: string;
  /** Column names in the order wanted, or `null` for all of the dataset's. */
  readonly columns: readonly string[] | null;
  readonly compression: Compression;
  /**
   * The rows are divided by time into several files, each complete in itself, of at most so many rows; rows of the same time
   * stay together. `auto`: as many as a part has. @default one file
   */
  readonly rowsPerFile?: RowsPerFile;
}

/** @minimum 1 */
export type RowsPerFile = number | 'auto';

/** Most files of one order: the manifest lists each with all its columns. */
export const DIVIDED_FILES_MAX = 1000;

/** @returns name, without extension, of one of the files that an order was divided into: `flights-0003` */
export function dividedName(name: string, index: number): string {
  return `${name}-${String(index + 1).padStart(4, '0')}`;
}

export interface FileOrder extends FileContent {
  /** The tenant's key; for the warehouse, its value of the tenant column. */
  readonly tenant: string;
  /** age recipients (public keys) that the file is sealed to; empty: not sealed. */
  readonly recipients: readonly string[];
}

/**
 * One validated request for an export on demand. The tenant came from the credential. It is stored in Temporal's history,
 * so it holds no secret: recipients are public keys.
 */
export interface Order extends FileOrder {
  readonly window: InclusiveWindow;
  readonly format: Format;
  /** A count of days that the files are kept after the export is available. @minimum 1 */
  readonly keepDays: number;
}

/** One validated request of the request portal. Nobody waits for it, so several snapshots may be tried. */
export interface RequestOrder extends FileOrder {
  readonly window: InclusiveWindow;
  /** As in {@link Order}. */
  readonly keepDays: number;
  /** Snapshots that are tried if the source changes while it is read. @minimum 1 */
  readonly roundsMax: number;
}

/** What a run makes. It is stored in Temporal's history: no secrets. */
export interface RunOrder {
  readonly tenant: string;
  /** Name of the dataset or of the bundle. */
  readonly subject: string;
  readonly files: readonly OrderedFile[];
  /** As in {@link FileOrder}. */
  readonly recipients: readonly string[];
  /** Snapshots that are tried if the source changes while it is read. @minimum 1 */
  readonly roundsMax: number;
  readonly retention: Retention;
  /** Absent: the run is not one of a chain. */
  readonly delivery?: Delivery;
  /** All files, in their one format, become one archive. @default each file is stored by itself */
  readonly archive?: ArchiveContent;
}

/** What is made of a questionnaire. */
export interface ArchiveContent
  extends Pick<ArchiveOrder, 'bundle' | 'questionnaire' | 'version' | 'status' | 'from' | 'to'> {
  /** Without extension. */
  readonly name: string;
  readonly type: ArchiveType;
  /** Name of the questionnaire for programs. */
  readonly variable: string;
}

/**
 * The files are kept this many days, or this many seconds after the next run of the series is published; with both, whichever
 * comes first.
 */
export type Retention =
  | { readonly keepDays: number; readonly replaceAfterSeconds?: number }
  | { readonly replaceAfterSeconds: number; readonly keepDays?: number };

/** The day that a run delivers, and its place in the chain of days. */
export interface Delivery {
  readonly day: Day;
  /** Lower-case hex SHA-256 of the manifest of the delivered day before; `null`: this is the first one. */
  readonly previous: string | null;
  /** Hashes of the manifests that delivered the same day until now, the newest first. */
  readonly replaces: readonly string[];
}

/** One file, in one or several formats; its rows are counted once. */
export interface OrderedFile extends Omit<FileContent, 'format'> {
  /** Name of the finished file without extension; unique in the order: `[A-Za-z][A-Za-z0-9_]*` */
  readonly name: string;
  readonly formats: readonly FileFormat[];
  /** Absent: the run is not one of a chain. */
  readonly load?: FileLoad;
  /** Columns that the file of the day before did not have. @default none */
  readonly addedColumns?: readonly string[];
  /** What happens if it cannot be made: the run goes on without the files of its dataset. @default the run fails */
  readonly onFailure?: 'skip';
  /** Columns that identify a row. @default none are known */
  readonly key?: readonly string[];
}

/** `complete` replaces all that was delivered of the dataset before; `delta` continues it. */
export type FileLoad = 'complete' | 'delta';

/** @returns what the run of an order of its own makes */
export function orderedRun({ tenant, recipients, keepDays, format, ...content }: Order | RequestOrder): RunOrder {
  const { dataset, window, parameters, filter, csv, timeZone, columns, compression, rowsPerFile } = content;
  const file = {
    name: dataset.toLowerCase(),
    formats: [format],
    dataset,
    window,
    parameters,
    ...(filter && { filter }),
    csv,
    ...(timeZone !== undefined && { timeZone }),
    columns,
    compression,
    ...(rowsPerFile !== undefined && { rowsPerFile }),
  };
  const roundsMax = 'roundsMax' in content ? content.roundsMax : 1;
  return { tenant, subject: dataset, files: [file], recipients, roundsMax, retention: { keepDays } };
}

type FileShape = Pick<FileOrder, 'compression' | 'recipients'> & { readonly format: StoredFormat };

const EXTENSIONS: Readonly<Record<StoredFormat, string>> = {
  csv: 'csv',
  jsonl: 'jsonl',
  json: 'json',
  'typed-json': 'typed.json',
  'rows-json': 'json',
  tab: 'tab',
  xlsx: 'xlsx',
  parquet: 'parquet',
  sav: 'sav',
  zsav: 'zsav',
  dta: 'dta',
  zip: 'zip',
};

/** Extension of a file that is neither compressed nor sealed. */
export function formatExtension(format: StoredFormat): string {
  return EXTENSIONS[format];
}

/** Extension of the finished file, for example `csv.zst.age`. */
export function fileExtension(order: FileShape): string {
  const compressed = { none: '', gzip: '.gz', zstd: '.zst' }[order.compression];
  return `${EXTENSIONS[order.format]}${compressed}${order.recipients.length > 0 ? '.age' : ''}`;
}

const CONTENT_TYPES: Readonly<Record<StoredFormat, string>> = {
  csv: 'text/csv; charset=utf-8',
  jsonl: 'application/x-ndjson',
  json: 'application/json',
  'typed-json': 'application/json',
  'rows-json': 'application/json',
  tab: 'text/tab-separated-values; charset=utf-8',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  parquet: 'application/vnd.apache.parquet',
  sav: 'application/x-spss-sav',
  zsav: 'application/x-spss-sav',
  dta: 'application/x-stata-dta',
  zip: 'application/zip',
};

/** Media type of the finished file as it is stored. */
export function mediaType(order: FileShape): string {
  if (order.recipients.length > 0) return 'application/octet-stream';
  if (order.compression === 'gzip') return 'application/gzip';
  if (order.compression === 'zstd') return 'application/zstd';
  return CONTENT_TYPES[order.format];
}
