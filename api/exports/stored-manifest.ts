import { createHash } from 'node:crypto';
import { z } from 'zod';
import { WaybillError } from '../../contracts/failures.ts';
import { exportPrefix, manifestKey } from '../../contracts/keys.ts';
import { COMPRESSIONS, FORMATS } from '../../contracts/order.ts';
import type { ExportRecord } from '../../stores/ledger/ledger.ts';
import type { Objects } from '../../stores/objects/objects.ts';

const size = z.number().int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** What a download needs of a manifest. */
const manifest = z.object({
  exportId: z.string(),
  format: z.enum(FORMATS),
  compression: z.enum(COMPRESSIONS),
  recipients: z.array(z.string()),
  file: z.string().min(1),
  bytes: size,
  contentBytes: size,
  createdAt: z.string(),
  parts: z.array(z.object({ name: z.string().regex(/^[\w.-]+$/), bytes: size, sha256 })),
});
export type StoredManifest = z.infer<typeof manifest>;

/** A manifest as it lies in the store, and read. */
export interface ManifestFile {
  readonly bytes: Uint8Array;
  readonly manifest: StoredManifest;
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
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw new WaybillError('object_damaged', undefined, { cause: error });
  }
  const read = manifest.safeParse(parsed);
  if (!read.success) throw new WaybillError('object_damaged', undefined, { cause: read.error });
  const sum = read.data.parts.reduce((total, part) => total + part.bytes, 0);
  if (read.data.exportId !== record.exportId || sum !== read.data.bytes) throw new WaybillError('object_damaged');
  return { bytes, manifest: read.data, prefix };
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
export function fileTag({ parts }: StoredManifest): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part.sha256);
  return `"${hash.digest('hex').slice(0, 40)}"`;
}

/** Strong entity tag of some bytes. */
export function bytesTag(bytes: Uint8Array): string {
  return `"${createHash('sha256').update(bytes).digest('hex').slice(0, 40)}"`;
}
