import type { Condition } from '../../contracts/filter.ts';

/** SQL that compares a column with a value of a filter. NULL compares as unknown, so it equals nothing and is in no range. */
export interface Comparison {
  readonly eq: (value: string) => string;
  readonly from: (value: string) => string;
  readonly to: (value: string) => string;
  /** @param values at least two @default a disjunction of `eq` */
  readonly in?: (values: readonly string[]) => string;
}

export const NEVER = 'false';

/** @param comparison of the column's values; not called if it is only asked whether they are NULL */
export function conditionSql(condition: Condition, sql: string, comparison: () => Comparison): string {
  switch (condition.op) {
    case 'isNull':
      return `${sql} IS NULL`;
    case 'eq':
      return comparison().eq(String(condition.value));
    case 'in': {
      const compare = comparison();
      const values = condition.values.map(String);
      return compare.in && values.length > 1 ? compare.in(values) : `(${values.map(compare.eq).join(' OR ')})`;
    }
    case 'range': {
      const compare = comparison();
      const from = condition.from === null ? [] : [compare.from(String(condition.from))];
      const to = condition.to === null ? [] : [compare.to(String(condition.to))];
      return `(${[...from, ...to].join(' AND ')})`;
    }
  }
}
