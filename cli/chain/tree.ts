import { statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { DAY } from '../../contracts/recurrence.ts';
import { usage } from '../failure.ts';
import { entriesOf, localDay } from './local-day.ts';
import type { DayPlace, DeliveredDays } from './place.ts';

/** What a tenant has fetched of its recurring exports. */
export interface DeliveredTree extends DeliveredDays {
  /** The directory of the years. */
  readonly path: string;
}

const EXPORTS = 'exports';
const YEAR = /^\d{4}$/;

/**
 * Finds the days of one tenant. Symbolic links are not followed.
 *
 * @param given the directory of the years, or one above it: `exports/<tenant>`, `exports`, or what holds `exports`
 * @throws CliFailure `usage` if there are no days, or those of several tenants
 */
export function findDays(given: string): DeliveredTree {
  if (!statSync(given, { throwIfNoEntry: false })?.isDirectory()) throw usage(`There is no directory "${given}".`);
  const [root, ...others] = rootsIn(given);
  if (root === undefined) {
    throw usage(`"${given}" holds no recurring exports.`, 'Expected: <directory>/<year>/<month>/<day>/manifest.json');
  }
  if (others.length > 0) {
    throw usage(`"${given}" holds exports of several tenants.`, 'Name one of them.', root, ...others);
  }
  const strays: string[] = [];
  const days = directoriesIn(root, '', YEAR, strays).flatMap((year) =>
    directoriesIn(root, year, /^\d{2}$/, strays).flatMap((month) =>
      directoriesIn(root, month, /^\d{2}$/, strays).flatMap((name): readonly DayPlace[] => {
        const day = name.replaceAll('/', '-');
        if (DAY.test(day)) return [localDay(join(root, name), day, name)];
        strays.push(name);
        return [];
      }),
    ),
  );
  const path = resolve(root);
  const tenant = basename(dirname(path)) === EXPORTS ? basename(path) : null;
  return { path: root, tenant, days, strays };
}

function rootsIn(given: string): readonly string[] {
  if (hasYears(given)) return [given];
  const below = basename(resolve(given)) === EXPORTS ? given : join(given, EXPORTS);
  return subdirectories(below)
    .map((name) => join(below, name))
    .filter(hasYears);
}

function hasYears(directory: string): boolean {
  return subdirectories(directory).some((name) => YEAR.test(name));
}

function subdirectories(directory: string): readonly string[] {
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return [];
  return entriesOf(directory).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
}

/** @returns paths of the directories with such names; all else is added to `strays` */
function directoriesIn(root: string, parent: string, name: RegExp, strays: string[]): readonly string[] {
  return entriesOf(join(root, parent)).flatMap((entry) => {
    const path = parent === '' ? entry.name : `${parent}/${entry.name}`;
    if (entry.isDirectory() && name.test(entry.name)) return [path];
    strays.push(path);
    return [];
  });
}
