import type { z } from 'zod';
import { type Catalog, offeredName } from '../../config/dataset.ts';
import { dayOf } from '../../contracts/keys.ts';
import type { Manifest } from '../../contracts/manifest.ts';
import type { AckBody } from '../../contracts/views/recurring.ts';
import { openManifest } from '../../stores/objects/manifests.ts';
import type { ApiDeps } from '../deps.ts';
import { InvalidFields } from '../http/field-errors.ts';
import { shown } from '../http/requests.ts';
import type { RouteAnswer } from '../openapi.ts';
import { findDelivered } from './find.ts';
import type { acknowledgeRun } from './routes.ts';

/** Answers `POST /export/runs/{id}/ack`. What differs is recorded, too. */
export function acknowledgeHandler({
  ledger,
  objects,
  catalog,
  clock,
}: Pick<ApiDeps, 'ledger' | 'objects' | 'catalog' | 'clock'>): RouteAnswer<typeof acknowledgeRun> {
  return async function acknowledgeRecurringRun(c) {
    const { id } = c.req.valid('param');
    const { files } = c.req.valid('json');
    const { actor } = c.get('caller');
    const run = await findDelivered(c, { ledger }, id);
    const { manifest } = await openManifest(objects, run);
    const differences = compare(catalog, manifest, files);
    const matched = differences.length === 0;
    const at = clock.now().toISOString();
    const acknowledgement = { at, matched, entities: files.length, differences };
    await ledger.runs.acknowledge(run.runId, { acknowledgement, actor });
    const [first, ...others] = differences.map(({ entity, message }) => {
      return { field: entity, code: 'ack_mismatch' as const, message };
    });
    if (first) throw new InvalidFields([first, ...others]);
    return c.json({
      status: 'success' as const,
      message: 'All entities were received as they were delivered.',
      result: { run_id: run.runId, day: dayOf(run), count: files.length, status: 'matched' as const },
    });
  };
}

interface Difference {
  readonly entity: string;
  readonly message: string;
}

/** @param received by the name for callers, or that in paths */
function compare(
  catalog: Catalog,
  manifest: Manifest,
  received: z.infer<typeof AckBody>['files'],
): readonly Difference[] {
  const open = new Map(received.map((file) => [file.entity.toLowerCase(), file]));
  const differences: Difference[] = [];
  for (const { dataset, rows, sha256, rowsWanted } of manifest.files) {
    if (rowsWanted !== undefined) continue;
    const known = catalog.find(dataset);
    const names = [dataset, ...(known ? [offeredName(known)] : [])].map((name) => name.toLowerCase());
    const file = names.map((name) => open.get(name)).find((found) => found !== undefined);
    for (const name of names) open.delete(name);
    if (!file) differences.push({ entity: dataset, message: `${dataset} was delivered, but is not acknowledged.` });
    else if (file.rows !== rows) {
      differences.push({ entity: dataset, message: `${dataset} has ${rows} rows; ${file.rows} were received.` });
    } else if (file.sha256 !== sha256) {
      differences.push({ entity: dataset, message: `${dataset} has another SHA-256 than was received.` });
    }
  }
  const foreign = [...open.values()].map(({ entity }) => {
    return { entity: shown(entity), message: `${shown(entity)} is not among the files of the run.` };
  });
  return [...differences, ...foreign];
}
