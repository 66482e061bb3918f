import { ApplicationFailure } from '@temporalio/activity';
import { attemptKeys } from '../contracts/attempts.ts';
import { exportPrefix, generationPrefix, manifestKey } from '../contracts/keys.ts';
import { parseManifest } from '../contracts/manifest.ts';
import { isActive } from '../contracts/progress.ts';
import type { StrayInput } from '../contracts/strays.ts';
import { removeBelow } from '../stores/objects/objects.ts';
import type { Ports } from './ports.ts';
import { runOrThrow } from './step.ts';
import { unlisted } from './stored.ts';

/** `open`: the run has not ended. `published`: its manifest counts. `gone`: nothing of it should be there. */
type Standing = 'open' | 'published' | 'gone' | 'unknown';

/**
 * Removes what lost workers wrote after their run had ended: everything, where the run published nothing; where it did,
 * what its manifest does not list. The ledger says which. Runs that it does not know are left alone.
 */
export function createRemoveStrays({ objects, ledger, logger }: Pick<Ports, 'objects' | 'ledger' | 'logger'>) {
  async function standingOf({ id }: StrayInput): Promise<Standing> {
    const run = await ledger.runs.find(id);
    if (!run) return 'unknown';
    if (isActive(run.state)) return 'open';
    return run.state === 'completed' && run.removedAt === null ? 'published' : 'gone';
  }

  /** @returns a count of objects */
  async function removeUnlisted(prefix: string): Promise<number> {
    const body = await objects.get(manifestKey(prefix));
    const read = body && parseManifest(Buffer.from(body).toString('utf8'));
    if (!read || 'problem' in read) {
      logger.error({ prefix }, 'strays are left where they are, because the manifest is missing or cannot be read');
      return 0;
    }
    const names = read.manifest.files.flatMap(({ parts }) => parts.map(({ name }) => name));
    const strays = await unlisted(objects, prefix, names);
    await objects.remove(strays);
    return strays.length;
  }

  return async function removeStrays(input: StrayInput): Promise<{ readonly objects: number }> {
    const { kind, tenant, id, attempted } = input;
    const prefix = kind === 'export' ? exportPrefix(tenant, id) : generationPrefix(tenant, id);
    const { standing, objects: count } = await runOrThrow(logger, async () => {
      const standing = await standingOf(input);
      if (standing === 'open' || standing === 'unknown') return { standing, objects: 0 };
      await objects.abortUploadsOf(attemptKeys(prefix, attempted));
      const count = await (standing === 'published' ? removeUnlisted(prefix) : removeBelow(objects, prefix));
      if (count > 0) logger.warn({ kind, id, objects: count }, 'removed what a lost worker wrote');
      return { standing, objects: count };
    });
    if (standing === 'open') throw ApplicationFailure.retryable('The run has not ended yet.', 'internal');
    return { objects: count };
  };
}
