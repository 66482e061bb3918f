import { createHash } from 'node:crypto';
import { manifestKey, runPrefix } from '../contracts/keys.ts';
import { type Manifest, parseManifest } from '../contracts/manifest.ts';
import { CSV_DEFAULTS, FORMATS, type Order } from '../contracts/order.ts';
import { PERIODIC } from '../contracts/periodic.ts';
import { ON_DEMAND } from '../contracts/run.ts';
import type { RestoredRun, Runs } from '../stores/ledger/ports.ts';
import type { Objects } from '../stores/objects/objects.ts';

/** What was found below one prefix. */
interface Found {
  /** Count of manifests in the bucket. */
  readonly manifests: number;
  /** Count of exports, or generations, that the ledger did not know, or did not know to have ended. */
  readonly restored: number;
}

/** Of exports, and beside them of periodic generations. */
export interface Rebuilt extends Found {
  readonly generations: Found;
  readonly unreadable: readonly Unreadable[];
}
interface Unreadable {
  readonly key: string;
  readonly problem: string;
}

type RebuiltRuns = Pick<Runs, 'restore'>;
type Bucket = Pick<Objects, 'list' | 'get'>;
type Read = (key: string, body: Uint8Array) => RestoredRun | { readonly problem: string };

const DAY_MS = 86_400_000;

/**
 * Reads every manifest and records its run as completed. What left no manifest (failed and cancelled runs, tenants,
 * credentials, the audit trail) comes from a backup of the ledger only.
 */
export async function rebuildLedger(runs: RebuiltRuns, objects: Bucket): Promise<Rebuilt> {
  const exports = await rebuildBelow(runs, objects, 'exports/', readExport);
  const generations = await rebuildBelow(runs, objects, 'periodic/', readGeneration);
  return {
    manifests: exports.manifests,
    restored: exports.restored,
    generations: { manifests: generations.manifests, restored: generations.restored },
    unreadable: [...exports.unreadable, ...generations.unreadable],
  };
}

/** Newest first, because the first run that is restored where a series has no current one becomes current. */
async function rebuildBelow(runs: RebuiltRuns, objects: Bucket, prefix: string, read: Read) {
  const unreadable: Unreadable[] = [];
  const found: RestoredRun[] = [];
  let restored = 0;
  for await (const { key, body } of manifestsBelow(objects, prefix)) {
    const run = read(key, body);
    if ('problem' in run) unreadable.push({ key, problem: run.problem });
    else found.push(run);
  }
  for (const run of found.sort((a, b) => b.endedAt.getTime() - a.endedAt.getTime())) {
    if (await runs.restore(run)) restored += 1;
  }
  return { manifests: found.length + unreadable.length, restored, unreadable };
}

async function* manifestsBelow(objects: Bucket, prefix: string) {
  for await (const { key } of objects.list(prefix)) {
    if (!key.endsWith(manifestKey('/'))) continue;
    const body = await objects.get(key);
    // Without one it has been removed since it was listed.
    if (body !== undefined) yield { key, body };
  }
}

function textOf(body: Uint8Array): string {
  return Buffer.from(body).toString('utf8');
}

/** @returns count of objects */
function partsOf(files: Manifest['files']): number {
  return files.reduce((sum, { parts }) => sum + parts.length, 0);
}

function sha256(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}

function readGeneration(key: string, body: Uint8Array): ReturnType<Read> {
  const parsed = parseManifest(textOf(body));
  if ('problem' in parsed) return parsed;
  const { runId, tenant, workflowId, recipients, snapshotAt, files, rows, bytes, contentBytes, createdAt } =
    parsed.manifest;
  const [recipient] = recipients;
  if (recipient === undefined) return { problem: 'It is not sealed.' };
  if (key !== manifestKey(runPrefix({ kind: PERIODIC.kind, tenant, runId }))) {
    return { problem: 'It names another tenant or generation than the place it lies at.' };
  }
  return {
    ...{ runId, workflowId, tenant, kind: PERIODIC.kind, subject: PERIODIC.subject, recipient },
    ...{
      snapshotAt,
      files: new Set(files.map(({ name }) => name)).size,
      parts: partsOf(files),
      rows,
      bytes,
      contentBytes,
    },
    manifestSha256: sha256(body),
    endedAt: new Date(createdAt),
  };
}

function readExport(key: string, body: Uint8Array): ReturnType<Read> {
  const parsed = parseManifest(textOf(body));
  if ('problem' in parsed) return parsed;
  const { manifest } = parsed;
  const { runId, workflowId, snapshotAt, files, rows, bytes, contentBytes } = manifest;
  if (key !== manifestKey(runPrefix({ kind: ON_DEMAND, tenant: manifest.tenant, runId }))) {
    return { problem: 'It names another tenant or export than the place it lies at.' };
  }
  const order = orderOf(manifest);
  if (!order || manifest.expiresAt === null) return { problem: 'It is not the manifest of an export on demand.' };
  return {
    ...{ runId, workflowId, order, snapshotAt, files: 1, parts: partsOf(files), rows, bytes, contentBytes },
    manifestSha256: sha256(body),
    endedAt: new Date(manifest.createdAt),
    expiresAt: new Date(manifest.expiresAt),
  };
}

/**
 * The order that the manifest answers. The time it was asked for is not in it; the snapshot is the nearest to that.
 *
 * @returns `undefined` for the manifest of another kind of export
 */
export function orderOf({ tenant, recipients, files, createdAt, expiresAt }: Manifest): Order | undefined {
  const [file, ...others] = files;
  const format = FORMATS.find((candidate) => candidate === file?.format);
  if (!file || !format || others.length > 0 || file.window === null || expiresAt === null) return undefined;
  const { dataset, window, parameters, csv, columns, compression } = file;
  return {
    ...{ tenant, dataset, window, parameters, format, compression, recipients },
    csv: csv ?? CSV_DEFAULTS,
    columns: columns.map((column) => column.name),
    keepDays: Math.max(1, Math.round((Date.parse(expiresAt) - Date.parse(createdAt)) / DAY_MS)),
  };
}
