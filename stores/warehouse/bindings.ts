import {
  BIGINT,
  BOOLEAN,
  type DuckDBPreparedStatement,
  type DuckDBType,
  type DuckDBValue,
  VARCHAR,
} from '@duckdb/node-api';
import { BOUND_BEGINNING, type Dataset, type Parameter } from '../../config/dataset.ts';
import { WaybillError } from '../../contracts/failures.ts';
import type { ParameterValue } from '../../contracts/order.ts';

const DUCKDB_TYPES = { integer: BIGINT, text: VARCHAR, boolean: BOOLEAN } as const satisfies Record<
  Parameter['type'],
  DuckDBType
>;

interface Bound {
  readonly value: DuckDBValue;
  readonly type: DuckDBType;
}

/** Puts values into SQL. */
export interface Values {
  /** @returns SQL that stands for the value */
  add(value: DuckDBValue, type: DuckDBType): string;
}

/** Values bound to one statement, by case-insensitive name. Values are never written into SQL. */
export class Bindings implements Values {
  readonly #dataset: string;
  readonly #values = new Map<string, Bound>();
  #count = 0;

  /**
   * @param parameters values of the dataset's own parameters; `null` binds NULL to each, to look up the columns only
   * @throws WaybillError `missing_parameter`, `invalid_field`, or `dataset_broken` for a name that is reserved
   */
  constructor(dataset: Dataset, parameters: Readonly<Record<string, ParameterValue>> | null) {
    this.#dataset = dataset.name;
    for (const parameter of dataset.parameters) {
      const name = parameter.name.toLowerCase();
      if (name.startsWith(BOUND_BEGINNING)) {
        throw new WaybillError(
          'dataset_broken',
          `Dataset ${dataset.name}: the parameter ${parameter.name} must not begin with ${BOUND_BEGINNING}.`,
        );
      }
      const value = parameters === null ? null : parameterValue(parameter, parameters);
      this.#values.set(name, { value, type: DUCKDB_TYPES[parameter.type] });
    }
  }

  /** @returns the placeholder for the value in SQL */
  add(value: DuckDBValue, type: DuckDBType): string {
    this.#count += 1;
    const name = `${BOUND_BEGINNING}${this.#count}`;
    this.#values.set(name, { value, type });
    return `$${name}`;
  }

  /**
   * Binds the names that the statement uses; DuckDB refuses any others.
   * @throws WaybillError `dataset_broken` if it uses a name without a value
   */
  bindTo(statement: DuckDBPreparedStatement): void {
    for (let index = 1; index <= statement.parameterCount; index += 1) {
      const name = statement.parameterName(index);
      const bound = this.#values.get(name.toLowerCase());
      if (!bound) {
        throw new WaybillError(
          'dataset_broken',
          `Dataset ${this.#dataset}: the SQL uses $${name}, which is not one of its parameters.`,
        );
      }
      if (bound.value === null) statement.bindNull(index);
      else statement.bindValue(index, bound.value, bound.type);
    }
  }
}

function parameterValue(parameter: Parameter, values: Readonly<Record<string, ParameterValue>>): DuckDBValue {
  const value = Object.hasOwn(values, parameter.name) ? values[parameter.name] : undefined;
  if (value === undefined) {
    if (parameter.required) throw new WaybillError('missing_parameter', undefined, { field: parameter.name });
    return null;
  }
  switch (parameter.type) {
    case 'text':
      return String(value);
    case 'integer':
      if (/^-?\d{1,18}$/.test(String(value))) return BigInt(value);
      break;
    case 'boolean':
      if (typeof value === 'boolean') return value;
      break;
  }
  throw new WaybillError('invalid_field', `${parameter.name} should be of type ${parameter.type}.`, {
    field: parameter.name,
  });
}
