import { type FailureCode, WaybillError } from '../../contracts/failures.ts';

/** DuckDB's kinds of error, as its messages begin. Source: DuckDB, src/common/exception.cpp. */
const CODES: Readonly<Record<string, FailureCode>> = {
  IO: 'warehouse_unavailable',
  Connection: 'warehouse_unavailable',
  HTTP: 'warehouse_unavailable',
  Network: 'warehouse_unavailable',
  TransactionContext: 'warehouse_unavailable',
  Interrupt: 'warehouse_unavailable',
  'Out of Memory': 'memory_exhausted',
  INTERNAL: 'internal',
  FATAL: 'internal',
};

/** A lost connection that a database extension reports as something else. */
const LOST_CONNECTION = /connection|server closed|terminat(?:ed|ing)|shutting down|starting up/i;

/**
 * Turns what DuckDB threw into a failure that callers know. Unreachable and locked warehouses may be tried again; what
 * binds or converts wrongly is the catalog's mistake. The original is kept as `cause`, without secrets and rows: it is
 * logged.
 *
 * @param what begins the message: names the dataset, and nothing that a tenant may not see
 */
export function warehouseTrouble(error: unknown, what: string): unknown {
  if (error instanceof WaybillError || !(error instanceof Error) || isMistake(error)) return error;
  const kind = /^(?:Failed to extract statements: )?([A-Za-z ]+?) Error: /.exec(error.message)?.[1] ?? '';
  let code = CODES[kind] ?? (kind === '' ? 'internal' : 'dataset_broken');
  if (kind === 'Invalid' && LOST_CONNECTION.test(error.message)) code = 'warehouse_unavailable';
  const sentence = SENTENCES[code];
  return new WaybillError(code, sentence && `${what}: ${sentence}`, {
    cause: withoutSecrets(withoutRows(error, kind)),
  });
}

const SENTENCES: Partial<Readonly<Record<FailureCode, string>>> = {
  warehouse_unavailable: 'the warehouse cannot be reached. Try again later.',
  memory_exhausted: 'reading it needs more memory than the operator allows. Choose a shorter window or fewer columns.',
  dataset_broken: 'the catalog and the warehouse disagree. Tell the operator.',
};

/** A TypeError, RangeError and the like is a mistake of ours and stays what it is. */
function isMistake(error: Error): boolean {
  return error.name !== 'Error';
}

/** Kinds whose messages quote the value that was at fault. Source as above. */
const QUOTING_ROWS = new Set(['Conversion', 'Invalid Input', 'Out of Range', 'Constraint', 'Decimal', 'Mismatch Type']);

/** The error with nothing but its kind and the column where its message may quote a row. */
function withoutRows(error: Error, kind: string): Error {
  if (!QUOTING_ROWS.has(kind)) return error;
  const column = / when casting from source column \w+(?=\n|$)/.exec(error.message)?.[0] ?? '';
  return new Error(`${kind} Error${column} (the rest is left out, because it may quote a row)`);
}

/**
 * The error with passwords blotted out: DuckDB repeats connection strings, and the SQL around a mistake, in messages.
 */
export function withoutSecrets(error: Error): Error {
  const [summary = ''] = error.message.split(/\n\s*LINE \d+:/);
  const blotted = summary
    .replace(/\b((?:pass(?:word|wd)?|pwd|secret|token|key)\w*\s*:?=\s*)('(?:''|\\'|[^'])*'?|[^\s"',;)]+)/gi, '$1***')
    .replace(/\b((?:pass(?:word|wd)?|secret|token|key)\w*\s+)'(?:''|[^'])*'?/gi, '$1***')
    .replace(/(\/\/[^\s/:@]*):[^\s@]+@/g, '$1:***@');
  return new Error(blotted);
}
