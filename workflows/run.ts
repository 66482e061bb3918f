import { ATTEMPTS_MAX, type AttemptedObject, earlierAttempts } from '../contracts/attempts.ts';
import type { BeginResult, RunIdentity, RunInput } from '../contracts/steps.ts';
import type { RunDetails } from './details.ts';
import type { Steps } from './steps.ts';

/** One run and its state. */
export interface Run {
  readonly identity: RunIdentity;
  readonly input: RunInput;
  readonly requestedAt: string;
  readonly steps: Steps;
  readonly details: RunDetails;
  /** Whether a request need not wait for its batch any more. */
  released: boolean;
  /** `null` until the run has begun. */
  begun: BeginResult | null;
  /** Objects that lost attempts may still be writing, by key relative to the run's prefix. */
  readonly attempted: Map<string, AttemptedObject>;
}

/** How attempts at an object name it. */
export type StoredObject = Omit<AttemptedObject, 'attempts'>;

/** Notes that attempts at an object may leave it behind. */
export function noteAttempted({ attempted }: Run, object: StoredObject): void {
  attempted.set(keyOf(object), { ...object, attempts: ATTEMPTS_MAX });
}

/** Notes which attempt at an object counts. @param name of the object that it wrote */
export function noteWritten({ attempted }: Run, object: StoredObject, name: string): void {
  const earlier = earlierAttempts(name);
  if (earlier) attempted.set(keyOf(object), earlier);
  else attempted.delete(keyOf(object));
}

function keyOf({ stem, extension }: StoredObject): string {
  return `${stem}.${extension}`;
}
