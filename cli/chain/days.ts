import { createHash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { PublicKey } from '../../contracts/envelope.ts';
import type { Manifest } from '../../contracts/manifest.ts';
import { RECURRING } from '../../contracts/recurring.ts';
import { CliFailure } from '../failure.ts';
import { MANIFEST_FILE, readManifest } from '../files/locate.ts';
import { checkSignature } from '../files/signature.ts';
import { sumProblems } from '../files/verify.ts';
import type { DayDirectory, DeliveredTree } from './tree.ts';

export type Delivery = NonNullable<Manifest['delivery']>;

/** A day whose manifest is there and of this day. */
export interface DeliveredDay extends DayDirectory {
  readonly manifest: Manifest;
  readonly delivery: Delivery;
  /** SHA-256 of the manifest, lower-case hex. */
  readonly sha256: string;
  /** `kid` of the key that signed it; `null`: not checked. */
  readonly signedBy: string | null;
  /** Whether a signature is there that was not checked. */
  readonly unchecked: boolean;
}

/** Something that does not match. */
export interface Problem {
  /** `2026/11/21` or `2026/11/21/user/user.csv`, relative to the tree. */
  readonly path: string;
  /** The day from which on nothing is certain; `null`: the problem is beside the days. */
  readonly day: string | null;
  /** The only entity that it concerns; `null`: all of them. */
  readonly entity: string | null;
  /** A sentence. */
  readonly text: string;
}

/** @param keys `undefined`: signatures are not checked */
export function readDays(
  { days, tenant }: DeliveredTree,
  keys: readonly PublicKey[] | undefined,
): { readonly days: readonly DeliveredDay[]; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const read: DeliveredDay[] = [];
  for (const directory of days) {
    const found = readDay(directory, keys);
    problems.push(...found.problems.map((text) => dayProblem(directory, text)));
    if (!('day' in found)) continue;
    const expected = tenant ?? read[0]?.manifest.tenant ?? found.day.manifest.tenant;
    const { manifest } = found.day;
    if (manifest.tenant === expected) read.push(found.day);
    else problems.push(dayProblem(directory, `The manifest is of tenant ${manifest.tenant}, not of ${expected}.`));
  }
  return { days: read, problems };
}

export function dayProblem({ name, day }: Pick<DayDirectory, 'name' | 'day'>, text: string): Problem {
  return { path: name, day, entity: null, text };
}

type ReadDay = { readonly problems: readonly string[] } & ({ readonly day: DeliveredDay } | object);

function readDay(directory: DayDirectory, keys: readonly PublicKey[] | undefined): ReadDay {
  const path = join(directory.path, MANIFEST_FILE);
  const entry = lstatSync(path, { throwIfNoEntry: false });
  if (!entry) return { problems: ['The manifest is missing.'] };
  if (!entry.isFile()) return { problems: ['The manifest is not a regular file.'] };
  let read: ReturnType<typeof readManifest>;
  try {
    read = readManifest(path);
  } catch (error) {
    if (!(error instanceof CliFailure)) throw error;
    return { problems: ['The manifest cannot be read.', ...error.lines] };
  }
  const { manifest, bytes } = read;
  const { delivery, kind } = manifest;
  if (kind !== RECURRING.kind || !delivery) return { problems: ['The manifest is not one of recurring exports.'] };
  if (delivery.day !== directory.day) return { problems: [`The manifest is of ${delivery.day}, not of this day.`] };
  const signature = checkSignature(read, keys);
  const invalid = signature.state === 'invalid' ? [`The manifest ${signature.problem}.`] : [];
  return {
    problems: [...invalid, ...sumProblems(manifest)],
    day: {
      ...directory,
      ...{ manifest, delivery },
      sha256: createHash('sha256').update(bytes).digest('hex'),
      signedBy: signature.state === 'valid' ? signature.key.kid : null,
      unchecked: signature.state === 'unchecked',
    },
  };
}
