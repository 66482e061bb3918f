import { createHash } from 'node:crypto';
import { WaybillError } from '../../contracts/failures.ts';
import { exportPrefix, manifestKey } from '../../contracts/keys.ts';
import { type Manifest, type ManifestFile, onlyFile, parseManifest, sumsOf } from '../../contracts/manifest.ts';
import type { ExportState } from '../../contracts/progress.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import type { Objects } from '../../stores/objects/objects.ts';
import { exportState } from './view.ts';

/** A manifest as it lies in the store, and read. */
export interface StoredManifest {
  readonly bytes: Uint8Array;
  readonly manifest: Manifest;
  /** The one file that the export has. */
  readonly file: ManifestFile;
  /** Object key prefix that its parts lie under. */
  readonly prefix: string;
}

/**
 * Reads the manifest of a finished export.
 * @throws WaybillError `not_ready`, `no_file` or `gone` by the export's state; `gone` too while its files are being
 *   removed; `object_damaged`
 */
export async function openManifest(objects: Objects, record: Run, now: Date): Promise<StoredManifest> {
  assertHasFile(exportState(record, now));
  const prefix = exportPrefix(record.tenant, record.runId);
  const bytes = await objects.get(manifestKey(prefix));
  if (!bytes) throw new WaybillError('gone');
  const read = parseManifest(Buffer.from(bytes).toString('utf8'));
  if ('problem' in read) throw new WaybillError('object_damaged', undefined, { cause: read.problem });
  const { manifest } = read;
  if (manifest.runId !== record.runId || manifest.files.length !== 1) throw new WaybillError('object_damaged');
  const file = onlyFile(manifest);
  if (sumsOf(file.parts).bytes !== file.bytes) throw new WaybillError('object_damaged');
  return { bytes, manifest, file, prefix };
}

function assertHasFile(state: ExportState): void {
  switch (state) {
    case 'completed':
      return;
    case 'pending':
    case 'running':
      throw new WaybillError('not_ready');
    case 'failed':
    case 'cancelled':
      throw new WaybillError('no_file');
    case 'expired':
    case 'deleted':
      throw new WaybillError('gone');
  }
}

/** Strong entity tag of the file: equal exactly when every part has the same hash. */
export function fileTag({ parts }: ManifestFile): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part.sha256);
  return `"${hash.digest('hex').slice(0, 40)}"`;
}

/** Strong entity tag of some bytes. */
export function bytesTag(bytes: Uint8Array): string {
  return `"${createHash('sha256').update(bytes).digest('hex').slice(0, 40)}"`;
}
