import { createHash } from 'node:crypto';
import { WaybillError } from '../../contracts/failures.ts';
import { exportPrefix, manifestKey } from '../../contracts/keys.ts';
import type { Manifest } from '../../contracts/manifest.ts';
import { parseManifest } from '../../contracts/manifest-schema.ts';
import type { ExportRecord } from '../../stores/ledger/ledger.ts';
import type { Objects } from '../../stores/objects/objects.ts';

/** A manifest as it lies in the store, and read. */
export interface ManifestFile {
  readonly bytes: Uint8Array;
  readonly manifest: Manifest;
  /** Object key prefix that its parts lie under. */
  readonly prefix: string;
}

/**
 * Reads the manifest of a finished export.
 * @throws WaybillError `not_ready`, `no_file` or `gone` by the export's state; `gone` too while its files are being
 *   removed; `object_damaged`
 */
export async function openManifest(objects: Objects, record: ExportRecord): Promise<ManifestFile> {
  assertHasFile(record);
  const prefix = exportPrefix(record.tenant, record.exportId);
  const bytes = await objects.get(manifestKey(prefix));
  if (!bytes) throw new WaybillError('gone');
  const read = parseManifest(Buffer.from(bytes).toString('utf8'));
  if ('problem' in read) throw new WaybillError('object_damaged', undefined, { cause: read.problem });
  const { manifest } = read;
  const sum = manifest.parts.reduce((total, part) => total + part.bytes, 0);
  if (manifest.exportId !== record.exportId || sum !== manifest.bytes) throw new WaybillError('object_damaged');
  return { bytes, manifest, prefix };
}

function assertHasFile({ state }: ExportRecord): void {
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
export function fileTag({ parts }: Manifest): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part.sha256);
  return `"${hash.digest('hex').slice(0, 40)}"`;
}

/** Strong entity tag of some bytes. */
export function bytesTag(bytes: Uint8Array): string {
  return `"${createHash('sha256').update(bytes).digest('hex').slice(0, 40)}"`;
}
