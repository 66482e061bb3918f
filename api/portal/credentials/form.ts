import { Temporal } from 'temporal-polyfill';
import type { Catalog } from '../../../config/dataset.ts';
import { DOORS, type Limits } from '../../../contracts/limits.ts';
import type { Scope } from '../../../stores/ledger/ports.ts';
import type { FieldProblem } from '../components/notice.ts';

/** What the form of a credential holds. */
export interface CredentialForm {
  readonly clientId: string;
  readonly mayWrite: boolean;
  /** `YYYY-MM-DD`; empty: never. */
  readonly expires: string;
  readonly doors: readonly string[];
  readonly datasets: readonly string[];
}

/** A form that limits nothing. */
export function openForm(catalog: Catalog): CredentialForm {
  const datasets = catalog.datasets.map(({ name }) => name);
  return { clientId: '', mayWrite: false, expires: '', doors: DOORS, datasets };
}

export function readCredentialForm(fields: URLSearchParams): CredentialForm {
  return {
    clientId: (fields.get('client_id') ?? '').trim(),
    mayWrite: fields.has('write'),
    expires: fields.get('expires') ?? '',
    doors: fields.getAll('door'),
    datasets: fields.getAll('dataset'),
  };
}

/**
 * All that can be chosen is no limit, so that what is added later is allowed too.
 * @returns what is wrong with it besides
 */
export function limitsOf(
  { doors, datasets }: Pick<CredentialForm, 'doors' | 'datasets'>,
  catalog: Catalog,
): { readonly limits: Limits; readonly problems: readonly FieldProblem[] } {
  const known = catalog.datasets.map(({ name }) => name);
  const chosenDoors = DOORS.filter((door) => doors.includes(door));
  const chosen = known.filter((name) => datasets.includes(name));
  const problems: FieldProblem[] = [];
  if (chosenDoors.length === 0) problems.push({ id: 'doors', message: 'Choose at least one door' });
  if (chosen.length === 0) problems.push({ id: 'datasets', message: 'Choose at least one dataset' });
  return {
    limits: {
      doors: chosenDoors.length === DOORS.length ? null : chosenDoors,
      datasets: chosen.length === known.length ? null : chosen,
    },
    problems,
  };
}

export function scopesOf({ mayWrite }: Pick<CredentialForm, 'mayWrite'>): readonly Scope[] {
  return mayWrite ? ['read', 'write'] : ['read'];
}

/** @returns the end of that day in the zone; `null`: never; `undefined`: not a coming day */
export function expiryOf(
  { expires }: Pick<CredentialForm, 'expires'>,
  zone: string,
  now: Date,
): Date | null | undefined {
  if (expires === '') return null;
  if (!/^\d{4}-\d{2}-\d{2}$/.test(expires)) return undefined;
  try {
    const end = Temporal.PlainDate.from(expires, { overflow: 'reject' }).add({ days: 1 }).toZonedDateTime(zone);
    return end.epochMilliseconds > now.getTime() ? new Date(end.epochMilliseconds) : undefined;
  } catch {
    return undefined;
  }
}
