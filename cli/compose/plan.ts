import { join } from 'node:path';
import type { ManifestColumn, ManifestFile } from '../../contracts/manifest.ts';
import type { DeliveredDay } from '../chain/days.ts';
import { ENTITY } from '../chain/files.ts';
import { filesIn } from '../chain/local-day.ts';
import { pathsOf } from '../chain/pieces.ts';
import { type EntityFiles, isComplete, pairOf } from '../chain/windows.ts';
import { CliFailure, EXIT } from '../failure.ts';

/** What the state of an entity is composed of. */
export interface EntityPlan {
  readonly entity: string;
  /** Of the last file. */
  readonly columns: readonly ManifestColumn[];
  /** Names of the columns that identify a row; empty: none are known, and a single complete load is all there is. */
  readonly key: readonly string[];
  /** In the order in which they apply: of each day the rows, then the keys of the deleted ones. */
  readonly sources: readonly SourceFile[];
}

export interface SourceFile {
  readonly file: ManifestFile;
  /** Of the file, or of its pieces in order, each with the header. */
  readonly paths: readonly string[];
}

interface DayFiles extends EntityFiles {
  readonly day: DeliveredDay;
}

/**
 * Finds what each entity is composed of: its last complete load, and what came after it.
 *
 * @param root directory of the years
 * @param entities wanted; empty: all
 * @returns in the order of their names
 * @throws CliFailure if an entity is not there, or its files cannot be composed
 */
export function planEntities(
  root: string,
  days: readonly DeliveredDay[],
  entities: readonly string[],
): readonly EntityPlan[] {
  const found = new Map<string, DayFiles[]>();
  for (const day of days) {
    for (const [entity, files] of Map.groupBy(day.manifest.files, ({ dataset }) => dataset)) {
      const pair = pairOf(files);
      if (typeof pair === 'string') throw refused(entity, `${pair} on ${day.day}`);
      found.set(entity, [...(found.get(entity) ?? []), { day, ...pair }]);
    }
  }
  for (const name of entities) {
    if (!found.has(name)) {
      const known = [...found.keys()].sort().join(', ') || 'none';
      throw new CliFailure(EXIT.failed, `There is no entity "${name}" here.`, { lines: [`There are: ${known}`] });
    }
  }
  const wanted = entities.length === 0 ? [...found.keys()] : entities;
  return [...new Set(wanted)].sort().map((entity) => planEntity(root, entity, found.get(entity) ?? []));
}

function planEntity(root: string, entity: string, delivered: readonly DayFiles[]): EntityPlan {
  if (!ENTITY.test(entity)) throw refused(entity, 'is not the name of an entity');
  const used = delivered.slice(delivered.findLastIndex(({ rows }) => isComplete(rows)));
  const [first, last] = [used[0], used.at(-1)];
  if (!first || !last || !isComplete(first.rows)) {
    throw refused(entity, 'has no complete load here, only changes', 'POST /export/full-load asks for one.');
  }
  const sources = used.flatMap(({ day, rows, deleted }) => {
    const directory = join(root, day.name);
    const there = filesIn(directory);
    return [rows, ...(deleted ? [deleted] : [])].map((file) => {
      return { file, paths: pathsOf(day.manifest, file, there).map((path) => join(directory, path)) };
    });
  });
  for (const { file } of sources) {
    if (file.format !== 'csv' || file.compression !== 'none' || file.csv === null) {
      throw refused(entity, `is not plain CSV in ${file.file}`);
    }
  }
  const keys = used.map(keyOf);
  const key = keys.at(-1) ?? [];
  if (sources.length > 1 && key.length === 0) {
    throw refused(
      entity,
      'has no key in its manifests, so changes cannot be applied',
      'Compose with manifests that name one.',
    );
  }
  const changed = keys.findIndex((other) => sources.length > 1 && JSON.stringify(other) !== JSON.stringify(key));
  if (changed >= 0)
    throw refused(entity, `had another key on ${used[changed]?.day.day}`, 'A complete load starts anew.');
  const names = last.rows.columns.map(({ name }) => name);
  const hidden = key.find((name) => !names.includes(name));
  if (hidden !== undefined) throw refused(entity, `does not have its key column ${hidden}`);
  return { entity, columns: last.rows.columns, key, sources };
}

/** Manifests of earlier versions have no key; the columns of the deleted keys are the same. */
function keyOf({ rows, deleted }: EntityFiles): readonly string[] {
  return rows.key ?? deleted?.columns.map(({ name }) => name) ?? [];
}

function refused(entity: string, problem: string, ...lines: readonly string[]): CliFailure {
  return new CliFailure(EXIT.failed, `${entity} ${problem}.`, { lines });
}
