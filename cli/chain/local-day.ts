import { createReadStream, type Dirent, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Day } from '../../contracts/recurrence.ts';
import { CliFailure } from '../failure.ts';
import { MANIFEST_FILE, readManifest } from '../files/locate.ts';
import { envelopeBeside } from '../files/signature.ts';
import type { DayPlace } from './place.ts';

const CHUNK_BYTES = 1 << 20;

/** A day in a directory. Symbolic links are not followed. */
export function localDay(directory: string, day: Day, name: string): DayPlace {
  const manifest = join(directory, MANIFEST_FILE);
  return {
    ...{ day, name },
    async readManifest() {
      const entry = lstatSync(manifest, { throwIfNoEntry: false });
      if (!entry) return { problems: ['The manifest is missing.'] };
      if (!entry.isFile()) return { problems: ['The manifest is not a regular file.'] };
      try {
        return readManifest(manifest);
      } catch (error) {
        if (!(error instanceof CliFailure)) throw error;
        return { problems: ['The manifest cannot be read.', ...error.lines] };
      }
    },
    readEnvelope: async () => envelopeBeside(manifest),
    list: async () => filesIn(directory),
    read: (path) => readLocal(join(directory, path)),
  };
}

export function readLocal(path: string): AsyncIterable<Uint8Array> {
  return createReadStream(path, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>;
}

/** @returns everything in a day and in the directories of its entities but those themselves */
export function filesIn(directory: string): ReadonlyMap<string, boolean> {
  return new Map(
    entriesOf(directory).flatMap((entry) => {
      if (!entry.isDirectory()) return [[entry.name, entry.isFile()] as const];
      const files = entriesOf(join(directory, entry.name));
      return files.map((file) => [`${entry.name}/${file.name}`, file.isFile()] as const);
    }),
  );
}

/** @returns what is in a directory, by name */
export function entriesOf(directory: string): readonly Dirent[] {
  return readdirSync(directory, { withFileTypes: true }).sort((one, other) => (one.name < other.name ? -1 : 1));
}
