import type { DeliveredDay, Problem } from './days.ts';
import { dayProblem } from './days.ts';
import type { DayPlace } from './place.ts';

/**
 * Checks that each manifest names the one of the day before, or one that this has replaced since.
 *
 * @param all every day, also those whose manifest cannot be used
 * @param days those with a manifest, in the order of the days
 */
export function linkProblems(
  all: readonly Pick<DayPlace, 'day' | 'name'>[],
  days: readonly DeliveredDay[],
): readonly Problem[] {
  return days.flatMap((day, index) => {
    const before = days.slice(0, index);
    const { previous } = day.delivery;
    const predecessor = before.findLast((candidate) => !isLater(candidate, day));
    const directory = all.findLast((other) => other.day < day.day);
    if (directory && before.at(-1)?.day !== directory.day) {
      return [dayProblem(day, `The manifest of ${directory.name} cannot be used, so this day follows nothing.`)];
    }
    if (!predecessor) return [];
    const { name, delivery, sha256 } = predecessor;
    if (previous === null) return [dayProblem(day, `The manifest names no day before it, but ${name} is here.`)];
    if (previous === sha256 || delivery.replaces.includes(previous)) return [];
    const named = days.find((other) => other.sha256 === previous || other.delivery.replaces.includes(previous));
    const instead = named ? `names ${named.name}` : 'names a manifest that is not here';
    return [
      dayProblem(
        day,
        `The manifest ${instead} as the one before it, not ${name}: a day is missing, or a manifest was altered.`,
      ),
    ];
  });
}

/** @returns whether a day was delivered for the first time after the other one had been: that one cannot name it */
function isLater({ manifest, delivery }: DeliveredDay, other: DeliveredDay): boolean {
  return delivery.replaces.length === 0 && manifest.createdAt > other.manifest.createdAt;
}

/** @returns the hash that the first manifest names although that manifest is not here; `null`: the chain begins here */
export function missingPredecessor([first]: readonly DeliveredDay[]): string | null {
  return first?.delivery.previous ?? null;
}
