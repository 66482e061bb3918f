import type { GenerationManifest } from '../../contracts/generation.ts';

/** Headers of every answer that is of one generation. The next one is another. */
export function generationHeaders({ generationId, snapshotAt }: GenerationManifest) {
  return { 'Cache-Control': 'no-store', 'X-Waybill-Generation': generationId, 'X-Waybill-Snapshot': snapshotAt };
}
