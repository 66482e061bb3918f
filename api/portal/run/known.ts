import { isActive, type PartsProgress, type Progress } from '../../../contracts/progress.ts';
import type { AuditEntry, Run } from '../../../stores/ledger/ports.ts';
import { openManifest, type StoredRun } from '../../../stores/objects/manifests.ts';
import { readEnvelope } from '../../../stores/objects/signatures.ts';
import { checkEnvelope } from '../../../streams/envelope.ts';
import { exportState } from '../../on-demand/view.ts';
import type { PortalContext } from '../environment.ts';
import type { PortalDeps } from '../tab.ts';

/** Lines of the trail that a page shows. */
const TRAIL_MAX = 200;

/** What is known of a run. */
export interface KnownRun {
  readonly run: Run;
  readonly progress: Progress;
  /** `null`: the run has ended, or is not planned yet, or they cannot be known now. */
  readonly parts: PartsProgress | null;
  readonly trail: readonly AuditEntry[];
  /** `null`: not completed, or its files are gone or cannot be read now. */
  readonly stored: StoredRun | null;
  readonly signature: Signature;
}

export type Signature = { readonly state: 'valid' | 'invalid'; readonly keyid: string } | { readonly state: 'none' };

export async function readRun(c: PortalContext, deps: PortalDeps, run: Run): Promise<KnownRun> {
  const { ledger, objects, runs, temporal } = deps;
  const [progress, parts, trail] = await Promise.all([
    runs.progress.read(run),
    isActive(run.state) ? temporal.parts(run) : undefined,
    ledger.audit.listOfRun(run.runId, TRAIL_MAX),
  ]);
  const none = { run, progress, parts: parts ?? null, trail, stored: null, signature: { state: 'none' } } as const;
  if (exportState(run, deps.clock.now()) !== 'completed') return none;
  try {
    const stored = await openManifest(objects, run);
    return { ...none, stored, signature: await signatureOf(deps, stored) };
  } catch (error) {
    // The page still has what the ledger knows; a download tells what is wrong.
    c.get('logger').warn({ err: error, runId: run.runId }, 'the manifest of a run could not be read for its page');
    return none;
  }
}

/** @returns whether the manifest is signed by a key of this deployment */
export async function signatureOf(
  { ledger, objects }: Pick<PortalDeps, 'ledger' | 'objects'>,
  stored: StoredRun,
): Promise<Signature> {
  const envelope = await readEnvelope(objects, stored);
  if (!envelope) return { state: 'none' };
  const keyid = envelope.signatures[0]?.keyid ?? '';
  const checked = await checkEnvelope(envelope, stored.bytes, await ledger.signingKeys.list());
  return { state: 'key' in checked ? 'valid' : 'invalid', keyid };
}
