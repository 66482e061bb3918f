import type { Run } from '../stores/ledger/ports.ts';
import { openManifest, type StoredRun } from '../stores/objects/manifests.ts';
import type { Objects } from '../stores/objects/objects.ts';

/** Manifests that are remembered. One of 50 files has about 100 KB. */
const REMEMBERED_MAX = 200;

/**
 * Reads manifests and remembers those that were used last, because a run never changes.
 *
 * @returns throws like `openManifest`
 */
export function createOpenRun(objects: Pick<Objects, 'get'>): (run: Run) => Promise<StoredRun> {
  const known = new Map<string, Promise<StoredRun>>();
  return function openRun(run) {
    const stored = known.get(run.runId) ?? openManifest(objects, run);
    known.delete(run.runId);
    known.set(run.runId, stored);
    stored.catch(() => known.delete(run.runId));
    const [oldest] = known.keys();
    if (known.size > REMEMBERED_MAX && oldest !== undefined) known.delete(oldest);
    return stored;
  };
}
