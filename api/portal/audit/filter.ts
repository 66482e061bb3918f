import { Temporal } from 'temporal-polyfill';
import type { AuditFilter } from '../../../stores/ledger/ports.ts';
import type { FieldProblem } from '../components/notice.ts';
import { actionsOf, GROUPS, type Group } from './words.ts';

/** What the form of the page asks for. Its values are in the address. */
export interface AuditForm {
  /** Empty: anybody. */
  readonly who: string;
  readonly what: Group | undefined;
  /** `YYYY-MM-DD`; empty: open. Both days are included. */
  readonly from: string;
  readonly to: string;
}

export function readAuditForm(query: URLSearchParams): AuditForm {
  const what = query.get('what');
  return {
    who: query.get('who') ?? '',
    what: GROUPS.find(({ value }) => value === what)?.value,
    from: query.get('from') ?? '',
    to: query.get('to') ?? '',
  };
}

/** @returns the address of the form's values, without empty ones */
export function auditQuery({ who, what, from, to }: AuditForm, more: Readonly<Record<string, string>> = {}): string {
  const entries = Object.entries({ who, what: what ?? '', from, to, ...more });
  return String(new URLSearchParams(entries.filter(([, value]) => value !== '')));
}

/**
 * @param zone in which its days are days
 * @param kinds of standing orders
 */
export function auditFilter(
  { who, what, from, to }: AuditForm,
  zone: string,
  kinds: readonly string[],
): { readonly filter: AuditFilter; readonly problems: readonly FieldProblem[] } {
  const [first, last] = [startOf(from, 0, zone), startOf(to, 1, zone)];
  const problems: FieldProblem[] = [];
  if (first === null) problems.push({ id: 'from', message: 'Choose a date for “From”, such as 2026-11-24' });
  if (last === null) problems.push({ id: 'to', message: 'Choose a date for “To”, such as 2026-11-24' });
  if (first && last && first >= last)
    problems.push({ id: 'from', message: 'Choose a start that is not after the end' });
  return {
    filter: {
      ...(who !== '' && { actor: who }),
      ...(what !== undefined && { actions: actionsOf(what, kinds) }),
      ...(first && { from: first }),
      ...(last && { before: last }),
    },
    problems,
  };
}

/** @returns when that day, or so many days later, begins; `undefined`: empty; `null`: not a date */
function startOf(text: string, days: number, zone: string): Date | undefined | null {
  if (text === '') return undefined;
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return null;
  try {
    const day = Temporal.PlainDate.from(text, { overflow: 'reject' }).add({ days });
    return new Date(day.toZonedDateTime(zone).epochMilliseconds);
  } catch {
    return null;
  }
}

/** @returns the day before, if the form shows one day alone */
export function dayBefore({ from, to }: AuditForm): string | undefined {
  if (from === '' || from !== to) return undefined;
  try {
    return Temporal.PlainDate.from(from).subtract({ days: 1 }).toString();
  } catch {
    return undefined;
  }
}
