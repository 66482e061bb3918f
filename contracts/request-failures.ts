import type { Failure, FailureCode } from './failures.ts';

const AVOIDABLE: readonly FailureCode[] = [
  'xlsx_too_large',
  'not_representable',
  'memory_exhausted',
  'source_changed',
  'cancelled',
  'unknown_column',
];

/** Whether whoever asked can avoid it by asking for something else, or by asking again. */
export function isAvoidable(code: FailureCode): boolean {
  return AVOIDABLE.includes(code);
}

/** Why a request has no file, in words for users: what happened, what to do, and the button that does it. */
export function explainFailure(failure: Failure | null): {
  readonly reason: string;
  readonly advice: string;
  readonly button: string;
} {
  const code = failure?.code ?? 'internal';
  switch (code) {
    case 'xlsx_too_large':
      return {
        reason: whyNoWorkbook(failure?.message ?? ''),
        advice: 'Request it again as CSV or Parquet, or for a quarter of a year at a time.',
        button: 'Request again',
      };
    case 'not_representable':
      return {
        reason: failure?.message ?? '',
        advice: 'Request it again as CSV or Parquet.',
        button: 'Request again',
      };
    case 'memory_exhausted':
      return {
        reason: 'The request needs more memory than the service has for one.',
        advice: 'Request it again for a shorter time, for example a quarter of a year.',
        button: 'Request again',
      };
    case 'source_changed':
      return {
        reason: 'The data kept changing while it was being read.',
        advice: 'Request it again at a quieter time, or for days that are over.',
        button: 'Request again',
      };
    case 'cancelled':
      return {
        reason: 'The request was cancelled.',
        advice: 'Request it again if you still want it.',
        button: 'Request again',
      };
    case 'dataset_broken':
    case 'warehouse_misconfigured':
    case 'schema_changed':
      return {
        reason: 'The service could not read the data.',
        advice: 'It has to be mended by the operator, who has been told. Request it again after that.',
        button: 'See the request',
      };
    default:
      return {
        reason: 'Something went wrong on the side of the service.',
        advice: 'The operator has been told. Request it again in an hour.',
        button: 'Request again',
      };
  }
}

/** @param message of the failure, which has the figures */
function whyNoWorkbook(message: string): string {
  const [, rows, max] = /([\d,]+) rows, and a sheet of Excel holds ([\d,]+)/.exec(message) ?? [];
  if (rows) return `${rows} rows do not fit in Excel, which takes ${max}.`;
  const [, column, characters] = /a value of (\w+) has more than ([\d,]+) characters/.exec(message) ?? [];
  if (column) return `A value of ${column} has more than ${characters} characters, which no cell of Excel holds.`;
  return 'The rows do not fit in Excel.';
}
