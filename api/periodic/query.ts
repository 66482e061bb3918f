import type { Context } from 'hono';
import { FAILURES, type FailureCode, WaybillError } from '../../contracts/failures.ts';
import type { ApiEnv } from '../deps.ts';
import { type FieldError, InvalidFields } from '../http/problems.ts';

const FLAGS: Readonly<Record<string, boolean>> = { true: true, '1': true, false: false, '0': false };

/** Reads the known parameters of a query one by one, and gathers all that is wrong with them. */
export interface QueryReader {
  /** @returns `undefined` also when it is empty */
  text(name: string): string | undefined;
  /** One of a list, as it is written there. @returns `undefined` when it is missing or wrong, which is noted */
  choice<Choice extends string>(name: string, allowed: readonly Choice[], unknown: FailureCode): Choice | undefined;
  /** True or false, in any case, or 1 or 0. @default false */
  flag(name: string): boolean;
}

/** @param errors what is wrong is added here */
export function readQuery(c: Context<ApiEnv>, errors: FieldError[]): QueryReader {
  const query = new URL(c.req.url).searchParams;

  function text(name: string): string | undefined {
    const [value, ...more] = query.getAll(name);
    if (more.length === 0) return value || undefined;
    errors.push({ field: name, code: 'invalid_field', message: `${name}: Came more than once. Send it once.` });
    return undefined;
  }

  return {
    text,

    choice(name, allowed, unknown) {
      const before = errors.length;
      const value = text(name);
      const choice = allowed.find((candidate) => candidate === value);
      if (choice !== undefined || errors.length > before) return choice;
      const use = `Use one of ${allowed.join(', ')}.`;
      if (value === undefined) {
        errors.push({ field: name, code: 'missing_field', message: `${name} is missing. ${use}`, allowed });
      } else {
        errors.push({ field: name, code: unknown, message: `${FAILURES[unknown].title}. ${use}`, allowed });
      }
      return undefined;
    },

    flag(name) {
      const value = text(name)?.toLowerCase();
      if (value === undefined) return false;
      if (Object.hasOwn(FLAGS, value)) return FLAGS[value] ?? false;
      const allowed = ['true', 'false'];
      errors.push({ field: name, code: 'invalid_field', message: `${name}: Should be true or false.`, allowed });
      return false;
    },
  };
}

/**
 * Ends the reading of a request: tells all that is wrong with it, then whose it is.
 *
 * @param organisation as the caller sent it; `undefined`: left out
 * @throws InvalidFields; WaybillError `foreign_organisation`
 */
export function refuseWrong(c: Context<ApiEnv>, errors: readonly FieldError[], organisation: string | undefined): void {
  const [first, ...rest] = errors;
  if (first) throw new InvalidFields([first, ...rest]);
  if (organisation !== undefined && organisation.toLowerCase() !== c.get('caller').tenant.key) {
    throw new WaybillError('foreign_organisation');
  }
}
