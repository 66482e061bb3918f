import { type Catalog, type Dataset, offeredAt, offeredName, type Parameter } from '../../config/dataset.ts';
import type { ParameterValue } from '../../contracts/order.ts';
import type { FieldError } from '../http/field-errors.ts';
import { shown } from '../http/requests.ts';

/** Maximum length of a text parameter. */
const TEXT_LENGTH_MAX = 500;

/** Datasets offered on demand, in catalog order. */
export function offeredDatasets(catalog: Catalog): readonly Dataset[] {
  return offeredAt(catalog, 'on-demand');
}

/**
 * Parses the parameters of a dataset.
 *
 * @param dataset `undefined` if the export type is invalid: then only unknown fields are reported
 * @param fields all fields of the body that are not common to all datasets
 */
export function readParameters(
  catalog: Catalog,
  dataset: Dataset | undefined,
  fields: ReadonlyMap<string, unknown>,
): { readonly parameters: Record<string, ParameterValue>; readonly errors: readonly FieldError[] } {
  const parameters: Record<string, ParameterValue> = {};
  const errors: FieldError[] = [];
  const ofAnyDataset = new Set(offeredDatasets(catalog).flatMap((its) => its.parameters.map(({ name }) => name)));
  for (const [name, value] of fields) {
    const parameter = dataset?.parameters.find((candidate) => candidate.name === name);
    if (parameter) {
      const problem = valueProblem(parameter, value);
      if (problem) errors.push({ field: name, code: 'invalid_field', message: `${name}: ${problem}` });
      else parameters[name] = value as ParameterValue;
      continue;
    }
    if (!ofAnyDataset.has(name)) {
      errors.push({ field: name, code: 'unknown_field', message: `There is no field "${shown(name)}". Remove it.` });
    } else if (dataset) {
      const message = `${offeredName(dataset)} does not have the parameter ${name}. Leave it out.`;
      errors.push({ field: name, code: 'foreign_parameter', message });
    }
  }
  if (dataset) errors.push(...missingParameters(dataset, fields));
  return { parameters, errors };
}

function missingParameters(dataset: Dataset, fields: ReadonlyMap<string, unknown>): readonly FieldError[] {
  return dataset.parameters
    .filter(({ name, required }) => required && !fields.has(name))
    .map(({ name, type }) => ({
      field: name,
      code: 'missing_parameter',
      message: `${offeredName(dataset)} needs ${name} (${TYPE_WORDS[type]}). Add it.`,
    }));
}

const TYPE_WORDS = { integer: 'a whole number', text: 'a text', boolean: 'true or false' } as const;

/** @returns the expected value as a sentence, or `undefined` if the value is valid */
function valueProblem({ type }: Parameter, value: unknown): string | undefined {
  switch (type) {
    case 'integer':
      return Number.isSafeInteger(value) ? undefined : 'Should be a whole number between -(2^53-1) and 2^53-1.';
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'Should be true or false.';
    case 'text':
      if (typeof value !== 'string') return 'Should be a text.';
      if (value.length > TEXT_LENGTH_MAX) return `Should have at most ${TEXT_LENGTH_MAX} characters.`;
      return /^\P{Cc}*$/u.test(value) && value.isWellFormed() ? undefined : 'Should not contain control characters.';
  }
}
