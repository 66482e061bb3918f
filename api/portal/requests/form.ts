import type { RequestForm } from '../../../contracts/views/requests.ts';
import type { FieldError } from '../../http/field-errors.ts';
import type { Realm } from '../../requests/request.ts';
import { type FilterFields, filterBody, filterProblem, readFilterFields } from '../components/filter-fields.ts';
import type { FieldProblem } from '../components/notice.ts';
import { readWrittenValues, WRITTEN_VALUES, type WrittenValues } from '../components/written-values.ts';
import { inWords } from './words.ts';

/** What the form of a request holds, so that it is shown again as it was sent. */
export interface RequestFields extends WrittenValues {
  readonly realm: Realm;
  /** `YYYY-MM-DD`, or whatever was sent. */
  readonly start: string;
  readonly end: string;
  readonly format: string;
  readonly filter: FilterFields;
}

/** Names of the fields that an address may hold: values of filters may be personal. */
export const FIELD_NAMES = ['realm', 'start_date', 'end_date', 'format', ...WRITTEN_VALUES] as const;

/** @returns the form as it was sent, or a new one; `undefined` if no realm is offered */
export function readRequestFields(
  realms: readonly Realm[],
  fields: URLSearchParams,
  now: Date,
): RequestFields | undefined {
  const wanted = fields.get('realm');
  const realm = realms.find(({ id }) => id === wanted) ?? realms[0];
  if (!realm) return undefined;
  const format = fields.get('format') ?? '';
  const year = lastYear(now);
  return {
    realm,
    start: fields.get('start_date') ?? year.start,
    end: fields.get('end_date') ?? year.end,
    format: realm.formats.find((name) => name === format) ?? 'CSV',
    ...readWrittenValues(fields),
    filter: readFilterFields(fields, filterColumns(realm)),
  };
}

/** @returns the columns that rows can be chosen by */
export function filterColumns({ fields }: Realm): Realm['fields'] {
  return fields.filter(({ anonymize }) => !anonymize);
}

/** The last twelve months that are over. */
function lastYear(now: Date): { readonly start: string; readonly end: string } {
  const [year, month] = [now.getUTCFullYear(), now.getUTCMonth()];
  const day = (at: number) => new Date(at).toISOString().slice(0, 10);
  return { start: day(Date.UTC(year - 1, month, 1)), end: day(Date.UTC(year, month, 0)) };
}

/** @returns the body of `POST …/request`, which checks the rest, and what the form itself has wrong */
export function requestBody({ realm, start, end, format, isForExcel, timeZone, filter }: RequestFields): {
  readonly body: RequestForm;
  readonly problems: readonly FieldProblem[];
} {
  const problems = [
    ...(start === '' ? [{ id: 'start_date', message: 'Choose a start date' }] : []),
    ...(end === '' ? [{ id: 'end_date', message: 'Choose an end date' }] : []),
  ];
  return {
    body: {
      ...{ realm: realm.id, start_date: start, end_date: end, format, filter: filterBody(filter) },
      // Other formats have neither.
      ...(format === 'CSV' && isForExcel && { csv_preset: 'excel' as const }),
      time_zone: format === 'PARQUET' ? 'UTC' : timeZone,
    },
    problems,
  };
}

/** @returns what the API found wrong, at the controls of the form */
export function requestProblems(errors: readonly FieldError[]): readonly FieldProblem[] {
  return errors.map((error) => {
    const { field, message } = error;
    return filterProblem(error) ?? { id: field, message: inWords(message.replace(/^\w+: /, '')) };
  });
}
