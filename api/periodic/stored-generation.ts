import { createHash } from 'node:crypto';
import { WaybillError } from '../../contracts/failures.ts';
import { generationPrefix, manifestKey } from '../../contracts/keys.ts';
import { type Manifest, parseManifest } from '../../contracts/manifest.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import type { Objects } from '../../stores/objects/objects.ts';

/** A published generation, as its manifest tells. */
export interface StoredGeneration {
  /** The manifest byte for byte as it is stored. */
  readonly bytes: Uint8Array;
  readonly manifest: Manifest;
  /** Object key prefix that its files lie under. */
  readonly prefix: string;
}

/**
 * Reads the manifest of a generation. Only the one whose hash the ledger names counts: whoever can write to the bucket
 * cannot offer another.
 *
 * @throws WaybillError `gone` when there is none, `object_damaged`, `objects_unavailable`
 */
export async function openGeneration(
  objects: Objects,
  { tenant, runId: generationId, manifestSha256 }: Run,
): Promise<StoredGeneration> {
  const prefix = generationPrefix(tenant, generationId);
  const bytes = await objects.get(manifestKey(prefix));
  if (!bytes) throw new WaybillError('gone');
  if (createHash('sha256').update(bytes).digest('hex') !== manifestSha256) throw new WaybillError('object_damaged');
  const read = parseManifest(Buffer.from(bytes).toString('utf8'));
  if ('problem' in read) throw new WaybillError('object_damaged', undefined, { cause: read.problem });
  const { manifest } = read;
  if (manifest.runId !== generationId || manifest.tenant !== tenant) throw new WaybillError('object_damaged');
  return { bytes, manifest, prefix };
}
