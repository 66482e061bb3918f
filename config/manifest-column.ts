import type { ManifestColumn } from '../contracts/manifest.ts';
import type { Column } from './dataset.ts';

/** @returns the column as manifests describe it */
export function manifestColumn({ name, header, type, anonymizedFrom }: Column): ManifestColumn {
  return { name, header, type, ...(anonymizedFrom !== undefined && { anonymized: true as const }) };
}
