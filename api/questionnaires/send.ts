import type { Context } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import { onlyFile } from '../../contracts/manifest.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import { openManifest } from '../../stores/objects/manifests.ts';
import { type ApiDeps, type ApiEnv, auditCaller } from '../deps.ts';
import { sendStored } from '../runs/stored-file.ts';

type SendDeps = Pick<ApiDeps, 'ledger' | 'objects'>;

/** Answers GET and HEAD with an archive, or with a range of it; 404 without a body if there is none. */
export async function sendArchive(c: Context<ApiEnv>, deps: SendDeps, run: Run | undefined): Promise<Response> {
  if (!run?.current) return c.body(null, 404);
  try {
    const stored = await openManifest(deps.objects, run);
    const audit = (bytes: number) =>
      auditCaller(c, deps, 'export.downloaded', run.runId, { bytes, number: run.number });
    const answer = await sendStored(c, deps, stored, onlyFile(stored.manifest), audit);
    // Also of a sealed archive: the first generation's client writes nothing else to a file.
    if (answer.ok) answer.headers.set('Content-Type', 'application/zip');
    return answer;
  } catch (error) {
    // Deleted since it was looked up.
    if (error instanceof WaybillError && error.code === 'gone') return c.body(null, 404);
    throw error;
  }
}
