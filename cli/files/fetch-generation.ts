import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ManifestPart } from '../../contracts/manifest.ts';
import { CliFailure, EXIT } from '../failure.ts';
import { MANIFEST_FILE } from './locate.ts';
import { createPartCheck, FileMismatch } from './part-check.ts';
import { receiveFile } from './receive.ts';

/** What a manifest says of a file as it is stored. */
interface StoredFile {
  readonly parts: readonly Pick<ManifestPart, 'name' | 'bytes' | 'sha256'>[];
}

/** One file on its way. */
export interface Incoming {
  /** Generation that it is of. */
  readonly generationId: string | null;
  readonly content: AsyncIterable<Uint8Array>;
  /** Ends it unread. */
  cancel(): Promise<void>;
}

export interface GenerationTarget {
  readonly directory: string;
  /** Names that the files get. */
  readonly names: readonly string[];
  /** The manifest, byte for byte. */
  readonly manifest: Uint8Array;
  /** What the manifest says of each file as it is stored. */
  readonly stored: readonly StoredFile[];
  /** The one generation that all must be of. */
  readonly generationId: string;
  /** Private keys that open them on the way; `undefined`: they are saved as they come. */
  readonly identity: string | undefined;
  /** Asks for the file with this index. */
  readonly ask: (index: number) => Promise<Incoming>;
}

/** A newer generation took the place of the one that was being fetched. */
export class GenerationReplaced extends Error {
  override readonly name = 'GenerationReplaced';
}

/**
 * Saves all files of one generation, and its manifest beside them. None has its name before all are whole, and have the
 * sizes and hashes of the manifest.
 *
 * @returns sizes in bytes, in the order of the names
 * @throws GenerationReplaced when the files are of another generation by now; CliFailure `object_damaged` when one is not
 *   what the manifest says. Nothing was saved then.
 */
export async function fetchGeneration(target: GenerationTarget): Promise<readonly number[]> {
  const { directory, names, manifest, stored, generationId, identity, ask } = target;
  const staging = await makeStaging(directory);
  try {
    const sizes: number[] = [];
    for (const [index, name] of names.entries()) {
      const incoming = await ask(index);
      if (incoming.generationId !== generationId) {
        await incoming.cancel();
        throw new GenerationReplaced('A newer generation was published.');
      }
      const content = checked(incoming.content, stored[index], name);
      sizes.push(await receiveFile(content, join(staging, name), identity));
    }
    await receiveFile(once(manifest), join(staging, MANIFEST_FILE), undefined);
    for (const name of [...names, MANIFEST_FILE]) await rename(join(staging, name), join(directory, name));
    return sizes;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function* checked(source: AsyncIterable<Uint8Array>, stored: StoredFile | undefined, name: string) {
  const check = createPartCheck(stored?.parts ?? []);
  try {
    for await (const chunk of source) {
      check.update(chunk);
      yield chunk;
    }
    check.end();
  } catch (error) {
    if (!(error instanceof FileMismatch)) throw error;
    throw new CliFailure(EXIT.failed, `"${name}" is not what the manifest says. Nothing was saved.`, {
      code: 'object_damaged',
      lines: [error.message, 'Try again; if that does not help, tell whoever runs Waybill.'],
      cause: error,
    });
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Below the directory itself: a rename does not cross from one disk to another. */
async function makeStaging(directory: string): Promise<string> {
  try {
    await mkdir(directory, { recursive: true });
    return await mkdtemp(join(directory, '.waybill-'));
  } catch (cause) {
    throw new CliFailure(EXIT.failed, `"${directory}" cannot be written. Choose another directory.`, { cause });
  }
}
