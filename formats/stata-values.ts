import type { VariableType } from './table.ts';

/** Between 1960-01-01, with which Stata begins to count, and 1970-01-01. */
export const EPOCH_DAYS = 3653;
const EPOCH_MS = EPOCH_DAYS * 86_400_000;

/** Values that Stata can label: whole numbers that a long holds. Source: Stata, [D] label. */
export const LABELLED_MIN = -2_147_483_647;
export const LABELLED_MAX = 2_147_483_620;

/** Of Stata's missing values besides the system-missing one, `.a` to `.z`. */
export const MISSING_LETTERS = 'abcdefghijklmnopqrstuvwxyz';

/** @returns a value in Stata's unit: dates in days, times in milliseconds, both since 1960 */
export function stataValue(kind: VariableType['kind'], value: number): number {
  switch (kind) {
    case 'date':
      return value + EPOCH_DAYS;
    case 'timestamp':
      return Math.round(value * 1e6) / 1e3 + EPOCH_MS;
    case 'time':
      return Math.round(value * 1e9) / 1e6;
    case 'text':
    case 'integer':
    case 'number':
    case 'boolean':
      return value;
  }
}
