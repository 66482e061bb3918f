import { createHash } from 'node:crypto';
import type { PublicKey } from '../../contracts/envelope.ts';
import type { Manifest } from '../../contracts/manifest.ts';
import { RECURRING } from '../../contracts/recurring.ts';
import { checkSignature } from '../files/signature.ts';
import { sumProblems } from '../files/verify.ts';
import type { DayPlace, DeliveredDays } from './place.ts';

export type Delivery = NonNullable<Manifest['delivery']>;

/** A day whose manifest is there and of this day. */
export interface DeliveredDay extends DayPlace {
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
export async function readDays(
  { days, tenant }: DeliveredDays,
  keys: readonly PublicKey[] | undefined,
): Promise<{ readonly days: readonly DeliveredDay[]; readonly problems: readonly Problem[] }> {
  const problems: Problem[] = [];
  const read: DeliveredDay[] = [];
  for (const place of days) {
    const found = await readDay(place, keys);
    problems.push(...found.problems.map((text) => dayProblem(place, text)));
    if (!('day' in found)) continue;
    const expected = tenant ?? read[0]?.manifest.tenant ?? found.day.manifest.tenant;
    const { manifest } = found.day;
    if (manifest.tenant === expected) read.push(found.day);
    else problems.push(dayProblem(place, `The manifest is of tenant ${manifest.tenant}, not of ${expected}.`));
  }
  return { days: read, problems };
}

export function dayProblem({ name, day }: Pick<DayPlace, 'name' | 'day'>, text: string): Problem {
  return { path: name, day, entity: null, text };
}

type ReadDay = { readonly problems: readonly string[] } & ({ readonly day: DeliveredDay } | object);

async function readDay(place: DayPlace, keys: readonly PublicKey[] | undefined): Promise<ReadDay> {
  const read = await place.readManifest();
  if ('problems' in read) return read;
  const { manifest, bytes } = read;
  const { delivery, kind } = manifest;
  if (kind !== RECURRING.kind || !delivery) return { problems: ['The manifest is not one of recurring exports.'] };
  if (delivery.day !== place.day) return { problems: [`The manifest is of ${delivery.day}, not of this day.`] };
  const signature = await checkSignature(bytes, await place.readEnvelope(), keys);
  const invalid = signature.state === 'invalid' ? [`The manifest ${signature.problem}.`] : [];
  return {
    problems: [...invalid, ...sumProblems(manifest)],
    day: {
      ...place,
      ...{ manifest, delivery },
      sha256: createHash('sha256').update(bytes).digest('hex'),
      signedBy: signature.state === 'valid' ? signature.key.kid : null,
      unchecked: signature.state === 'unchecked',
    },
  };
}
