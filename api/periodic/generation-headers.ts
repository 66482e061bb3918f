import type { Manifest } from '../../contracts/manifest.ts';
import { GENERATION_HEADER, SNAPSHOT_HEADER } from '../../contracts/views/periodic.ts';

/** Headers of every answer that is of one generation. The next one is another. */
export function generationHeaders({ runId, snapshotAt }: Manifest) {
  return { 'Cache-Control': 'no-store', [GENERATION_HEADER]: runId, [SNAPSHOT_HEADER]: snapshotAt };
}
