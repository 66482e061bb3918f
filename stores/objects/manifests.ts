import { createHash } from 'node:crypto';
import { WaybillError } from '../../contracts/failures.ts';
import { manifestKey, runPrefix } from '../../contracts/keys.ts';
import { type Manifest, parseManifest } from '../../contracts/manifest.ts';
import type { ExportKind } from '../../contracts/run.ts';
import type { Objects } from './objects.ts';

/** The manifest of a completed run, and where its objects are. */
export interface StoredRun {
  /** The manifest byte for byte as it is stored. */
  readonly bytes: Uint8Array;
  readonly manifest: Manifest;
  /** Object key prefix of the parts. */
  readonly prefix: string;
}

/**
 * Reads the manifest of a completed run. It counts only if it has the hash that the ledger names, so that write access to
 * the bucket is not enough to replace it.
 *
 * @throws WaybillError `gone` if there is none, `object_damaged` if it was altered, `objects_unavailable`
 */
export async function openManifest(
  objects: Pick<Objects, 'get'>,
  run: {
    readonly kind: ExportKind;
    readonly tenant: string;
    readonly runId: string;
    /** Lower-case hex. */
    readonly manifestSha256: string | null;
  },
): Promise<StoredRun> {
  const prefix = runPrefix(run);
  const bytes = await objects.get(manifestKey(prefix));
  if (!bytes) throw new WaybillError('gone');
  if (createHash('sha256').update(bytes).digest('hex') !== run.manifestSha256) throw new WaybillError('object_damaged');
  const read = parseManifest(Buffer.from(bytes).toString('utf8'));
  if ('problem' in read) throw new WaybillError('object_damaged', undefined, { cause: read.problem });
  const { manifest } = read;
  if (manifest.runId !== run.runId || manifest.tenant !== run.tenant) throw new WaybillError('object_damaged');
  return { bytes, manifest, prefix };
}
