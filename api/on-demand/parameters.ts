import { type Catalog, type Dataset, offeredAt, offeredName, type Parameter } from '../../config/dataset.ts';
import type { ParameterValue } from '../../contracts/order.ts';
import type { FieldError } from '../http/problems.ts';

/** Characters of a text parameter at the most. */
const TEXT_LENGTH_MAX = 500;

/** Datasets that are offered on demand, in the catalog's order. */
export function offeredDatasets(catalog: Catalog): readonly Dataset[] {
  return offeredAt(catalog, 'on-demand');
}

/**
 * Parses a dataset's own parameters from the fields beside the common ones.
 * @param dataset `undefined` when the export type itself is wrong: then only unknown fields are reported
 */
export function readParameters(
  catalog: Catalog,
  dataset: Dataset | undefined,
  fields: ReadonlyMap<string, unknown>,
): { readonly parameters: Record<string, ParameterValue>; readonly errors: readonly FieldError[] } {
  const parameters: Record<string, ParameterValue> = {};
  const errors: FieldError[] = [];
  for (const [name, value] of fields) {
    const parameter = dataset?.parameters.find((candidate) => candidate.name === name);
    if (parameter) {
      const wrong = wrongValue(parameter, value);
      if (wrong) errors.push({ field: name, code: 'invalid_field', message: `${name}: ${wrong}` });
      else parameters[name] = value as ParameterValue;
      continue;
    }
    const foreign = offeredDatasets(catalog).some((other) => other.parameters.some((its) => its.name === name));
    if (!foreign) {
      errors.push({ field: name, code: 'unknown_field', message: `There is no field ${shown(name)}. Remove it.` });
    } else if (dataset) {
      const message = `${offeredName(dataset)} does not take ${name}. Leave it out.`;
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

/** @returns what the value should be, or `undefined` when it is valid. */
function wrongValue({ type }: Parameter, value: unknown): string | undefined {
  switch (type) {
    case 'integer':
      return Number.isSafeInteger(value) ? undefined : 'Should be a whole number between -(2^53-1) and 2^53-1.';
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'Should be true or false.';
    case 'text':
      if (typeof value !== 'string') return 'Should be a text.';
      if (value.length > TEXT_LENGTH_MAX) return `Should have at most ${TEXT_LENGTH_MAX} characters.`;
      return /^\P{Cc}*$/u.test(value) && value.isWellFormed() ? undefined : 'Should hold no control characters.';
  }
}

/** A caller's text in a message: short, and without what a terminal would act on. */
function shown(text: string): string {
  const plain = text.toWellFormed().replace(/\p{Cc}/gu, '\uFFFD');
  return `"${plain.length > 60 ? `${plain.slice(0, 60)}…` : plain}"`;
}
