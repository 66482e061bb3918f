import { type Catalog, type Dataset, offeredAt, offeredName } from '../../config/dataset.ts';
import { suggestion } from '../../config/issue-sentence.ts';
import { type Instant, instantFromDate, parseInstant } from '../../contracts/instant.ts';
import { RECURRING } from '../../contracts/recurring.ts';
import { assertValid, type FieldError, InvalidFields } from '../http/field-errors.ts';
import { shown } from '../http/requests.ts';

/** Entities that the catalog offers, in its order. */
export function offeredEntities(catalog: Catalog): readonly Dataset[] {
  return offeredAt(catalog, RECURRING.kind);
}

/**
 * Finds entities by their names for callers, without regard to case.
 *
 * @param list names in an array, or separated by commas
 * @returns each entity once, in the order of the list
 * @throws InvalidFields `missing_field` for an empty list, `invalid_field` for each unknown name, with a similar one
 */
export function findEntities(catalog: Catalog, list: string | readonly string[] | undefined): readonly Dataset[] {
  const offered = offeredEntities(catalog);
  const names = (typeof list === 'string' ? list.split(',') : (list ?? [])).map((name) => name.trim());
  const allowed = offered.map(offeredName);
  if (names.every((name) => name === '')) {
    const message = 'entityList is missing. Name at least one entity, or send "export all".';
    throw new InvalidFields([{ field: 'entityList', code: 'missing_field', message, allowed }]);
  }
  const found = new Set<Dataset>();
  const errors: FieldError[] = [];
  for (const name of names) {
    const key = name.toLowerCase().replace(/\s+/g, ' ');
    const dataset = offered.find((candidate) => offeredName(candidate).toLowerCase() === key);
    if (dataset) found.add(dataset);
    else errors.push({ field: 'entityList', code: 'invalid_field', message: unknownEntity(offered, name), allowed });
  }
  assertValid(errors);
  return [...found];
}

function unknownEntity(offered: readonly Dataset[], name: string): string {
  const internal = offered.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
  const near = internal ? `; did you mean ${offeredName(internal)}?` : suggestion(name, offered.map(offeredName));
  const sentence = `entityList: There is no entity "${shown(name)}"${near}`;
  return near === '' ? `${sentence}.` : sentence;
}

/**
 * Reads where complete loads begin.
 * @throws InvalidFields `invalid_date`, also for a moment in the future
 */
export function readFrom(from: string | undefined, now: Date): Instant | undefined {
  if (from === undefined) return undefined;
  const instant = parseInstant(from);
  if (instant !== undefined && instant <= instantFromDate(now)) return instant;
  const message = 'from: Should be a date or time in the past, in ISO 8601, such as 2024-01-01.';
  throw new InvalidFields([{ field: 'from', code: 'invalid_date', message }]);
}
