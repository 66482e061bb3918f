import type { Envelope } from '../../contracts/envelope.ts';
import type { Manifest } from '../../contracts/manifest.ts';
import type { Day } from '../../contracts/recurrence.ts';

/** A manifest, and its bytes as they were signed. */
export interface ReadManifest {
  readonly manifest: Manifest;
  readonly bytes: Uint8Array;
}

/** What was delivered of one day, wherever it lies. */
export interface DayPlace {
  readonly day: Day;
  /** `2026/11/21`, for messages. */
  readonly name: string;
  /** @returns what is wrong with the manifest if it cannot be read, in sentences */
  readManifest(): Promise<ReadManifest | { readonly problems: readonly string[] }>;
  /** @returns the signed manifest; `undefined`: there is none; `other`: it cannot be read */
  readEnvelope(): Promise<Envelope | 'other' | undefined>;
  /** @returns for each path below the day, such as `user/user.csv`, whether it is a regular file */
  list(): Promise<ReadonlyMap<string, boolean>>;
  /** Streams a file. @throws Unreadable */
  read(path: string): AsyncIterable<Uint8Array>;
}

/** What was delivered to one tenant. */
export interface DeliveredDays {
  /** From `exports/<tenant>`; `null`: the place does not say. */
  readonly tenant: string | null;
  /** In the order of the days. */
  readonly days: readonly DayPlace[];
  /** Whatever else is there. */
  readonly strays: readonly string[];
}

/** A file that is listed, but cannot be read. The message is the rest of a sentence about the file. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';
}
