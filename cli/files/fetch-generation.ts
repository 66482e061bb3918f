import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CliFailure, EXIT } from '../failure.ts';
import { receiveFile } from './receive.ts';

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
 * Saves all files of one generation. None has its name before all are whole.
 *
 * @returns sizes in bytes, in the order of the names
 * @throws GenerationReplaced when the files are of another generation by now: nothing was saved.
 */
export async function fetchGeneration(target: GenerationTarget): Promise<readonly number[]> {
  const { directory, names, generationId, identity, ask } = target;
  const staging = await makeStaging(directory);
  try {
    const sizes: number[] = [];
    for (const [index, name] of names.entries()) {
      const incoming = await ask(index);
      if (incoming.generationId !== generationId) {
        await incoming.cancel();
        throw new GenerationReplaced('A newer generation was published.');
      }
      sizes.push(await receiveFile(incoming.content, join(staging, name), identity));
    }
    for (const name of names) await rename(join(staging, name), join(directory, name));
    return sizes;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
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
