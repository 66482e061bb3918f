/** Maximum number of attempts at a step that writes, the first one included. */
export const ATTEMPTS_MAX = 12;

/**
 * One object as its attempts name it: `<stem>-<attempt>.<extension>`, attempts counted from 1. No two attempts share a
 * key, and every key can be computed, even for an attempt whose worker was lost.
 */
export interface AttemptedObject {
  readonly stem: string;
  readonly extension: string;
  /** Maximum number of attempts so far. */
  readonly attempts: number;
}

/**
 * @param file name of the file for callers: `[A-Za-z][A-Za-z0-9_]*`, or several of them with dots between
 * @param index zero-based index of the part in the file
 * @param executionId run id of the workflow's execution; a reset makes a new one
 * @param round counts from 1
 */
export function objectStem(file: string, index: number, executionId: string, round: number): string {
  // Run ids begin with a timestamp, so the end distinguishes them.
  return `${file.replaceAll('.', '-')}-${String(index).padStart(5, '0')}-${executionId.slice(-12)}-${round}`;
}

/** @returns an object's name below the prefix of its run */
export function attemptName({ stem, extension }: Omit<AttemptedObject, 'attempts'>, attempt: number): string {
  return `${stem}-${attempt}.${extension}`;
}

/** @returns the keys of every attempt at these objects, in order of attempts per object */
export function attemptKeys(prefix: string, objects: readonly AttemptedObject[]): readonly string[] {
  return objects.flatMap((object) =>
    Array.from({ length: object.attempts }, (_, place) => prefix + attemptName(object, place + 1)),
  );
}

/** @returns the attempts before the one that wrote the object of this name; `undefined` if it was the first */
export function earlierAttempts(name: string): AttemptedObject | undefined {
  const [, stem, attempt, extension] = /^([^.]+)-(\d+)\.(.+)$/.exec(name) ?? [];
  if (stem === undefined || extension === undefined || Number(attempt) < 2) return undefined;
  return { stem, extension, attempts: Number(attempt) - 1 };
}
