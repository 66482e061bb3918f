import type { Instant } from '../../contracts/instant.ts';
import type { ManifestFile } from '../../contracts/manifest.ts';
import type { DeliveredDay, Problem } from './days.ts';

/** What the files of an entity cover, up to the last one. */
export interface Coverage {
  readonly entity: string;
  /** Where it begins: `null`: with the first row. */
  readonly from: Instant | null;
  /** Everything that changed before is there. */
  readonly to: Instant;
  /** Whether a complete load is among the files. Without one, what did not change since `from` is not there. */
  readonly loaded: boolean;
  readonly files: number;
  /** Sum over the files; a row that changed again is counted again. */
  readonly rows: number;
  readonly lastDay: string;
  /** Why the last day has no files of it, if that day's manifest says so. */
  readonly missing: string | null;
}

/** The files of an entity on one day. */
export interface EntityFiles {
  readonly rows: ManifestFile;
  /** Keys of the deleted rows; `undefined`: the catalog has no deletion marker. */
  readonly deleted: ManifestFile | undefined;
}

/** @returns whether a file replaces what was delivered of the entity before */
export function isComplete({ load, window }: ManifestFile): boolean {
  return load === 'complete' || window === null;
}

/**
 * Checks that the windows of each entity tile: a delta begins where the one before it ended, and a complete load ends no earlier.
 *
 * @param days in their order
 * @param cutOff whether days before the first one are known to be missing
 */
export function coverWindows(
  days: readonly DeliveredDay[],
  cutOff: boolean,
): { readonly coverage: readonly Coverage[]; readonly problems: readonly Problem[] } {
  const covered = new Map<string, Coverage>();
  const problems: Problem[] = [];
  for (const day of days) {
    for (const [entity, files] of Map.groupBy(day.manifest.files, ({ dataset }) => dataset)) {
      const problem = (text: string) =>
        problems.push({ path: `${day.name}/${entity}`, day: day.day, entity, text: `${entity} ${text}.` });
      const found = pairOf(files);
      if (typeof found === 'string') {
        problem(found);
        continue;
      }
      const before = covered.get(entity);
      const wrong = windowProblem(found.rows, before, cutOff);
      if (wrong !== undefined) problem(wrong);
      covered.set(entity, extend(before, day, entity, found));
    }
    for (const { dataset, message } of day.delivery.missing) {
      const before = covered.get(dataset);
      if (before) covered.set(dataset, { ...before, missing: message, lastDay: day.day });
    }
  }
  const coverage = [...covered.values()].sort((one, other) => (one.entity < other.entity ? -1 : 1));
  return { coverage, problems };
}

/** @returns the files of an entity on one day, or what is wrong with them, the rest of a sentence about the entity */
export function pairOf(files: readonly ManifestFile[]): EntityFiles | string {
  const rows = files.filter(({ rowsWanted }) => rowsWanted === undefined);
  const deleted = files.filter(({ rowsWanted }) => rowsWanted === 'deleted');
  const [only, second] = rows;
  if (only === undefined) return 'has deleted keys, but no rows';
  if (second !== undefined || deleted.length > 1) return 'has several files of the same rows';
  const [keys] = deleted;
  if (keys && JSON.stringify([keys.window, keys.load]) !== JSON.stringify([only.window, only.load])) {
    return 'has deleted keys of another window than its rows';
  }
  return { rows: only, deleted: keys };
}

function windowProblem(file: ManifestFile, before: Coverage | undefined, cutOff: boolean): string | undefined {
  const { window, load } = file;
  if (load === undefined) return 'is neither a complete load nor a delta';
  if (window === null) return undefined;
  if (window.bounds !== 'half-open') return 'has a window that cannot be one of several that tile';
  const { from, to } = window;
  if (from !== null && from > to) return `has a window that ends at ${to}, before it begins at ${from}`;
  if (isComplete(file)) {
    return before && to < before.to
      ? `is loaded completely up to ${to} only, after it reached ${before.to}`
      : undefined;
  }
  if (!before) return cutOff ? undefined : 'begins with a delta: nothing of it was delivered before';
  if (from === before.to) return undefined;
  if (from === null || from < before.to) {
    return `goes on from ${from ?? 'the beginning'}, although it had reached ${before.to}`;
  }
  return `lacks what changed from ${before.to} to ${from}`;
}

function extend(
  before: Coverage | undefined,
  { day, manifest }: DeliveredDay,
  entity: string,
  { rows, deleted }: EntityFiles,
): Coverage {
  const anew = !before || isComplete(rows);
  return {
    entity,
    from: anew ? (rows.window?.from ?? null) : before.from,
    to: rows.window?.to ?? manifest.snapshotAt,
    loaded: isComplete(rows) || before?.loaded === true,
    files: (before?.files ?? 0) + (deleted ? 2 : 1),
    rows: (before?.rows ?? 0) + rows.rows,
    lastDay: day,
    missing: null,
  };
}
