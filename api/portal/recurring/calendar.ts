import { dayOf } from '../../../contracts/keys.ts';
import type { Day } from '../../../contracts/recurrence.ts';
import type { Run, RunFile, WindowGap } from '../../../stores/ledger/ports.ts';

/**
 * What a day of the calendar shows. `full`: with a complete load; `late`: failed, or its changes came later; `gap`: changes are
 * missing.
 */
export type DayKind = 'full' | 'ok' | 'late' | 'gap' | 'due';

export interface DayState {
  readonly kind: DayKind;
  /** For example "delivered". */
  readonly words: string;
}

/** What is known of the days of a calendar. */
export interface Deliveries {
  /** The oldest first. */
  readonly runs: readonly Run[];
  /** What these runs exported. */
  readonly files: readonly RunFile[];
  readonly gaps: readonly WindowGap[];
  /** Day of the next run; `null`: none is due. */
  readonly due: Day | null;
  /** The last day that is delivered, of all; `null`: none. */
  readonly lastDay: Day | null;
}

/** @returns the state of every day that has one */
export function dayStates({ runs, files, gaps, due, lastDay }: Deliveries): ReadonlyMap<Day, DayState> {
  const states = new Map<Day, DayState>();
  if (due !== null) states.set(due, { kind: 'due', words: 'due' });
  const filesOf = Map.groupBy(files, ({ runId }) => runId);
  for (const [day, ofDay] of Map.groupBy(runs, dayOf)) {
    const state = stateOf(ofDay, filesOf, lastDay !== null && lastDay > day);
    if (state) states.set(day, state);
  }
  // Open gaps are set last: what is missing counts more than what made up for something else.
  for (const gap of gaps.toSorted((one, other) => Number(one.closedBy === null) - Number(other.closedBy === null))) {
    for (const day of daysOfGap(gap)) states.set(day, gapState(gap));
  }
  return states;
}

function gapState({ closedBy }: WindowGap): DayState {
  return closedBy === null
    ? { kind: 'gap', words: 'gap, rows are missing' }
    : { kind: 'late', words: `rows were missing, the full load of ${dayText(closedBy)} has them` };
}

/** @param isFollowed whether a later day is delivered */
function stateOf(
  runs: readonly Run[],
  filesOf: ReadonlyMap<string, readonly RunFile[]>,
  isFollowed: boolean,
): DayState | undefined {
  const delivered = runs.findLast(({ state }) => state === 'completed');
  if (delivered) {
    const files = filesOf.get(delivered.runId) ?? [];
    if (files.some(({ rows }) => rows === null)) return { kind: 'late', words: 'delivered without some entities' };
    if (files.some(({ complete }) => complete)) return { kind: 'full', words: 'full load delivered' };
    return { kind: 'ok', words: 'delivered' };
  }
  if (runs.some(({ state }) => state === 'running')) return { kind: 'due', words: 'running' };
  const word = runs.at(-1)?.state === 'cancelled' ? 'cancelled' : 'failed';
  return { kind: 'late', words: `${word}, ${isFollowed ? 'made up for later' : 'the next run makes up for it'}` };
}

/** @returns the days that a gap leaves out; if it lies between two days that follow each other, the second one */
export function daysOfGap({ lastDay, nextDay }: Pick<WindowGap, 'lastDay' | 'nextDay'>): readonly Day[] {
  const days: Day[] = [];
  for (let day = addDays(lastDay, 1); day < nextDay; day = addDays(day, 1)) days.push(day);
  return days.length === 0 ? [nextDay] : days;
}

export function addDays(day: Day, count: number): Day {
  return new Date(Date.parse(`${day}T00:00:00Z`) + count * 86_400_000).toISOString().slice(0, 10);
}

const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June', 'July'],
  ...['August', 'September', 'October', 'November', 'December'],
];

/** A month of the calendar, `YYYY-MM`. */
export type Month = string;
const MONTH = /^\d{4}-(?:0[1-9]|1[0-2])$/;

export function isMonth(text: string | undefined): text is Month {
  return text !== undefined && MONTH.test(text);
}

export function addMonths(month: Month, count: number): Month {
  const [year = 0, number = 1] = month.split('-').map(Number);
  return new Date(Date.UTC(year, number - 1 + count, 1)).toISOString().slice(0, 7);
}

/** @returns for example "November 2026" */
export function monthText(month: Month): string {
  return `${MONTHS[Number(month.slice(5)) - 1]} ${month.slice(0, 4)}`;
}

/** @returns for example "12 November" */
export function dayText(day: Day): string {
  return `${Number(day.slice(8))} ${MONTHS[Number(day.slice(5, 7)) - 1]}`;
}

/** @returns the days of a month */
export function daysOf(month: Month): readonly Day[] {
  const count = new Date(Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5)), 0)).getUTCDate();
  return Array.from({ length: count }, (_, place) => `${month}-${String(place + 1).padStart(2, '0')}`);
}

/** @returns the weeks of a month, from Monday to Sunday; `null`: a day of another month */
export function weeksOf(month: Month): readonly (readonly (Day | null)[])[] {
  const days = daysOf(month);
  const blank = (new Date(`${month}-01T00:00:00Z`).getUTCDay() + 6) % 7;
  const cells = [...Array.from({ length: blank }, () => null), ...days];
  while (cells.length % 7 !== 0) cells.push(null);
  return Array.from({ length: cells.length / 7 }, (_, week) => cells.slice(week * 7, week * 7 + 7));
}
