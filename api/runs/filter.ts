import { type Column, type Dataset, offeredName } from '../../config/dataset.ts';
import { suggestion } from '../../config/issue-sentence.ts';
import type { Condition, FilterValue, RequestedFilter } from '../../contracts/filter.ts';
import type { FieldError } from '../http/field-errors.ts';
import { shown } from '../http/requests.ts';
import { comparisonOf } from './filter-values.ts';

/** @returns the columns by which rows of a dataset can be chosen: not by one that is anonymized, as that would confirm its values */
function filterColumns({ columns }: Dataset): readonly Column[] {
  return columns.filter(({ anonymizedFrom }) => anonymizedFrom === undefined);
}

/**
 * Parses a filter by the types of the dataset's columns. Filters that mean the same are the same afterwards.
 *
 * @param field name of the field in the request, for errors
 */
export function readFilter(
  requested: RequestedFilter,
  dataset: Dataset,
  field = 'filter',
): { readonly filter: readonly Condition[]; readonly errors: readonly FieldError[] } {
  const errors: FieldError[] = [];
  const filter = new Map<string, Condition>();
  for (const [index, condition] of requested.entries()) {
    const read = readCondition(condition, dataset, `${field}.${index}`);
    if ('errors' in read) errors.push(...read.errors);
    else filter.set(JSON.stringify(read), read);
  }
  return { filter: [...filter].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, condition]) => condition), errors };
}

interface Refused {
  readonly errors: readonly FieldError[];
}

function readCondition(condition: RequestedFilter[number], dataset: Dataset, field: string): Condition | Refused {
  const columns = filterColumns(dataset);
  const column = columns.find(({ name }) => name === condition.column);
  if (!column) {
    const allowed = columns.map(({ name }) => name);
    const near = suggestion(condition.column, allowed);
    const isAnonymized = dataset.columns.some(({ name }) => name === condition.column);
    if (isAnonymized) {
      const message = `${field}.column: ${condition.column} is anonymized; rows cannot be chosen by it.`;
      return { errors: [{ field: `${field}.column`, code: 'unknown_column', message, allowed }] };
    }
    const message = `${field}.column: ${offeredName(dataset)} has no column ${shown(condition.column)}${near || `. Its columns are ${allowed.join(', ')}.`}`;
    return { errors: [{ field: `${field}.column`, code: 'unknown_column', message, allowed }] };
  }
  const { name, type } = column;
  if (condition.op === 'isNull') return { column: name, op: 'isNull' };
  const comparison = comparisonOf(type);
  if (!comparison || (condition.op === 'range' && !comparison.hasRange)) {
    const allowed = comparison ? ['eq', 'in', 'isNull'] : ['isNull'];
    const message = `${field}.op: ${name} is of type ${type}; use ${allowed.join(' or ')}.`;
    return { errors: [{ field: `${field}.op`, code: 'invalid_field', message, allowed }] };
  }
  const errors: FieldError[] = [];
  const invalid = (where: string, message: string) =>
    errors.push({ field: where, code: 'invalid_field', message: `${where}: ${message}` });
  const parse = (value: unknown, where: string): FilterValue => {
    const parsed = comparison.parse(value);
    if (parsed === undefined) invalid(`${field}.${where}`, comparison.expected);
    return parsed ?? '';
  };
  const refused: Refused = { errors };
  switch (condition.op) {
    case 'eq': {
      const value = parse(condition.value, 'value');
      return errors.length > 0 ? refused : { column: name, op: 'eq', value };
    }
    case 'in': {
      const values = condition.values.map((value, at) => parse(value, `values.${at}`));
      return errors.length > 0 ? refused : { column: name, op: 'in', values: [...new Set(values)].sort() };
    }
    case 'range': {
      const [from, to] = (['from', 'to'] as const).map((end) => {
        const value = condition[end] === null ? null : String(parse(condition[end], end));
        if (value !== null && type === 'double' && /[nf]/.test(value)) invalid(`${field}.${end}`, 'Should be finite.');
        return value;
      });
      if (from == null && to == null) invalid(field, 'Should have from, to, or both.');
      if (from != null && to != null && isReversed(from, to, type)) invalid(field, 'from is greater than to.');
      return errors.length > 0 ? refused : { column: name, op: 'range', from: from ?? null, to: to ?? null };
    }
  }
}

const NUMBERS: readonly Column['type'][] = ['integer', 'decimal', 'double'];

function isReversed(from: string, to: string, type: Column['type']): boolean {
  if (NUMBERS.includes(type)) return Number(from) > Number(to);
  return Buffer.compare(Buffer.from(from), Buffer.from(to)) > 0;
}
