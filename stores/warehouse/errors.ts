import { type FailureCode, WaybillError } from '../../contracts/failures.ts';

/** DuckDB's kinds of error, as its messages begin. Source: DuckDB 1.5, src/common/exception.cpp. Others are internal. */
const CODES: Readonly<Record<string, FailureCode>> = {
  // The dataset does not match the warehouse or its rows
  Binder: 'dataset_broken',
  Catalog: 'dataset_broken',
  Parser: 'dataset_broken',
  Syntax: 'dataset_broken',
  Permission: 'dataset_broken',
  Conversion: 'dataset_broken',
  Decimal: 'dataset_broken',
  'Divide by Zero': 'dataset_broken',
  Constraint: 'dataset_broken',
  Expression: 'dataset_broken',
  'Invalid Input': 'dataset_broken',
  'Invalid type': 'dataset_broken',
  'Mismatch Type': 'dataset_broken',
  'Not implemented': 'dataset_broken',
  'Object Size': 'dataset_broken',
  'Out of Range': 'dataset_broken',
  'Parameter Not Allowed': 'dataset_broken',
  'Parameter Not Resolved': 'dataset_broken',
  Sequence: 'dataset_broken',
  'Unknown Type': 'dataset_broken',
  // Reported by an attached server
  Invalid: 'dataset_broken',
  // Storage and connections
  IO: 'warehouse_unavailable',
  Connection: 'warehouse_unavailable',
  HTTP: 'warehouse_unavailable',
  TransactionContext: 'warehouse_unavailable',
  INTERRUPT: 'warehouse_unavailable',
  // Configuration
  'Extension Autoloading': 'warehouse_misconfigured',
  'Invalid Configuration': 'warehouse_misconfigured',
  'Missing Extension': 'warehouse_misconfigured',
  Settings: 'warehouse_misconfigured',
  'Out of Memory': 'memory_exhausted',
};

/** Server errors that a retry can cure: lost connections and exhausted resources. */
const PASSING =
  /connection|server closed|terminat(?:ed|ing)|shutting down|starting up|recovery|too many clients|no space left|out of (?:shared )?memory|canceling statement|deadlock|could not serialize/i;

/** How DuckDB reports that there is no space for its temporary files. */
const DISK_FULL: Readonly<Record<string, RegExp>> = {
  'Out of Memory': /'max_temp_directory_size'/,
  IO: /^IO Error: Could not (?:write|truncate|create|open) .*(?:no space left|quota exceeded)/i,
};

/** @returns the failure code for an error of DuckDB */
function codeOf(kind: string, message: string): FailureCode {
  if (DISK_FULL[kind]?.test(message)) return 'disk_full';
  if (kind === 'Invalid' && PASSING.test(message)) return 'warehouse_unavailable';
  return CODES[kind] ?? 'internal';
}

/**
 * Translates an error of DuckDB into a failure. An unreachable or locked warehouse is retryable; binding and conversion
 * errors are mistakes in the catalog. The original, without secrets and rows, is the `cause`, which is logged.
 *
 * @param what start of the message: the dataset, nothing that a tenant may not see
 */
export function toFailure(error: unknown, what: string): unknown {
  if (error instanceof WaybillError || !(error instanceof Error) || isBug(error)) return error;
  const [, long] = error.message.split(CELL_TOO_LONG);
  if (long !== undefined) {
    const name = /^\w*/.exec(long)?.[0];
    return new WaybillError(
      'xlsx_too_large',
      `${what}: a value of ${name} has more than 32,767 characters, which no cell of Excel holds. Leave the column out, or order PARQUET or CSV.`,
    );
  }
  const kind = /^(?:Failed to extract statements: )?([A-Za-z ]+?) Error: /.exec(error.message)?.[1] ?? '';
  const code = codeOf(kind, error.message);
  const sentence = SENTENCES[code];
  return new WaybillError(code, sentence && `${what}: ${sentence}`, {
    cause: withoutSecrets(withoutRows(error, kind)),
  });
}

/**
 * Whether DuckDB has invalidated the database or an attached one: every later query fails until the process restarts.
 * Source: DuckDB 1.5, src/common/exception.cpp, `InvalidatesDatabase`. An INTERNAL error can do so as well; then the next
 * query reports it.
 *
 * @param error of DuckDB, or a failure that {@link toFailure} made of it
 */
export function isInvalidated(error: unknown): boolean {
  const original = error instanceof WaybillError ? error.cause : error;
  if (!(original instanceof Error)) return false;
  return /^FATAL Error: |^IO Error: .*\bdatabase (?:"[^"]*" )?has been invalidated/i.test(original.message);
}

/** Begins the error of a text that is too long for a cell; the column's name follows. */
export const CELL_TOO_LONG = 'waybill: too long for a cell: ';

const SENTENCES: Partial<Readonly<Record<FailureCode, string>>> = {
  warehouse_unavailable: 'the warehouse cannot be reached. Try again later.',
  warehouse_misconfigured: 'the warehouse is not set up correctly. Contact the operator.',
  memory_exhausted:
    'reading it needs more memory than the worker has left. Choose a shorter window or fewer columns, or ask the operator for more memory.',
  disk_full:
    'reading it needs more disk space than the worker has left. Try again later; if it persists, contact the operator.',
  dataset_broken: 'the catalog and the warehouse disagree. Contact the operator.',
};

/** TypeError, RangeError and the like are bugs and stay as they are. */
function isBug(error: Error): boolean {
  return error.name !== 'Error';
}

/** First line of an error of PostgreSQL; the next ones quote the row or the query. Source: PostgreSQL, Error Message Style. */
const SERVER_ERROR = /\bERROR: .*/;

/** Cuts a sentence of a server off before its first quotation that is not the name of something. */
function withoutValues(sentence: string): string {
  for (const quotation of sentence.matchAll(QUOTATION)) {
    if (quotation[1] === undefined) return `${sentence.slice(0, quotation.index)}…`;
  }
  return sentence;
}

/** The begin of quoted text with what it names, or a quote that begins a value. */
const QUOTATION =
  /(\b(?:relation|column|table|view|schema|database|role|user|function|operator|extension|file|host|server at|to)\s+"[^"\n]*")|"/gi;

/** Kinds whose messages quote the offending value. Source as above. */
const QUOTING_ROWS = new Set(['Conversion', 'Invalid Input', 'Out of Range', 'Constraint', 'Decimal', 'Mismatch Type']);

/** Reduces a message that may quote a row to its kind and column, or to what a server says without its quotations. */
function withoutRows(error: Error, kind: string): Error {
  const server = QUOTING_ROWS.has(kind) ? undefined : SERVER_ERROR.exec(error.message)?.[0];
  if (server !== undefined) return new Error(`${kind} Error: ${withoutValues(server)}`);
  if (kind === 'Not implemented') return new Error(error.message.replace(/'[^']*'/g, "'…'"));
  if (!QUOTING_ROWS.has(kind)) return error;
  const column = / when casting from source column \w+(?=\n|$)/.exec(error.message)?.[0] ?? '';
  return new Error(`${kind} Error${column} (the rest is omitted, because it may quote a row)`);
}

/**
 * The error with passwords redacted out: DuckDB repeats connection strings, and the SQL around a mistake, in messages.
 */
export function withoutSecrets(error: Error): Error {
  const [summary = ''] = error.message.split(/\n\s*LINE \d+:/);
  const redacted = summary
    .replace(/((?:pass(?:word|wd)?|pwd|secret|token|key)\w*\s*:?=\s*)('(?:''|\\'|[^'])*'?|[^\s"',;)]+)/gi, '$1***')
    .replace(/((?:pass(?:word|wd)?|secret|token|key)\w*\s+)'(?:''|[^'])*'?/gi, '$1***')
    .replace(/(\/\/[^\s/:@]*):[^\s]+@/g, '$1:***@');
  return new Error(redacted);
}
