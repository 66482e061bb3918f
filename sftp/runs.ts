import type { Envelope } from '../contracts/envelope.ts';
import type { Run } from '../stores/ledger/ports.ts';
import { openManifest, type StoredRun } from '../stores/objects/manifests.ts';
import type { Objects } from '../stores/objects/objects.ts';
import { readEnvelope } from '../stores/objects/signatures.ts';

/** A manifest with its signature, `undefined` if it is not signed. */
export interface OpenedRun extends StoredRun {
  readonly envelope: Envelope | undefined;
}

/** Manifests that are remembered. One of 50 files has about 100 KB. */
const REMEMBERED_MAX = 200;

/**
 * Reads manifests and remembers those that were used last, because a run never changes.
 *
 * @returns throws like `openManifest`
 */
export function createOpenRun(objects: Pick<Objects, 'get' | 'head'>): (run: Run) => Promise<OpenedRun> {
  const known = new Map<string, Promise<OpenedRun>>();

  async function open(run: Run): Promise<OpenedRun> {
    const stored = await openManifest(objects, run);
    return { ...stored, envelope: await readEnvelope(objects, stored) };
  }

  return function openRun(run) {
    const stored = known.get(run.runId) ?? open(run);
    known.delete(run.runId);
    known.set(run.runId, stored);
    stored.catch(() => known.delete(run.runId));
    const [oldest] = known.keys();
    if (known.size > REMEMBERED_MAX && oldest !== undefined) known.delete(oldest);
    return stored;
  };
}
