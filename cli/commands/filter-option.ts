import { InvalidArgumentError } from 'commander';
import type { RequestedFilter } from '../../contracts/filter.ts';

const FORM = 'It must be column=value, column:in=a,b, column:range=from..to or column:isNull.';

/**
 * Adds a condition to the earlier ones. Values are sent as texts; the server reads them by the column's type. Where values contain
 * commas or `..`, a JSON array stands for the list: `city:in=["Paris, Texas","Bern"]`.
 */
export function parseFilter(text: string, earlier: RequestedFilter = []): RequestedFilter {
  return [...earlier, conditionOf(text)];
}

function conditionOf(text: string): RequestedFilter[number] {
  const [, column = '', op = 'eq', value] = /^(\w+)(?::(\w+))?(?:=(.*))?$/s.exec(text) ?? [];
  if (column === '') throw new InvalidArgumentError(FORM);
  if (op === 'isNull' && value === undefined) return { column, op };
  if (value === undefined) throw new InvalidArgumentError(FORM);
  if (op === 'eq') return { column, op, value };
  if (op === 'in') return { column, op, values: jsonTexts(value)?.map(String) ?? value.split(',') };
  const [from, to, ...more] = jsonTexts(value) ?? value.split('..').map((end) => (end === '' ? null : end));
  if (op !== 'range' || from === undefined || to === undefined || more.length > 0) throw new InvalidArgumentError(FORM);
  return { column, op, from, to };
}

/** @returns the items of a JSON array; `undefined` if the text does not look like one */
function jsonTexts(text: string): readonly (string | null)[] | undefined {
  if (!text.startsWith('[')) return undefined;
  let items: unknown;
  try {
    items = JSON.parse(text);
  } catch {
    throw new InvalidArgumentError(`${text} is not a JSON array.`);
  }
  return Array.isArray(items) ? items.map((item) => (item === null ? null : String(item))) : undefined;
}
