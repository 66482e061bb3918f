import { createHash } from 'node:crypto';
import { exportPrefix, generationPrefix, manifestKey } from '../contracts/keys.ts';
import { type Manifest, parseManifest } from '../contracts/manifest.ts';
import { CSV_DEFAULTS, FORMATS, type Order } from '../contracts/order.ts';
import type { Ledger } from '../stores/ledger/ledger.ts';
import type { Objects } from '../stores/objects/objects.ts';

/** What was found below one prefix. */
interface Found {
  /** A count of manifests in the bucket. */
  readonly manifests: number;
  /** A count of exports, or generations, that the ledger did not know, or did not know to have ended. */
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

type RebuiltLedger = Pick<Ledger, 'restoreExport' | 'restoreGeneration'>;
type Bucket = Pick<Objects, 'list' | 'get'>;
type FoundGeneration = Parameters<Ledger['restoreGeneration']>[0];

const DAY_MS = 86_400_000;

/**
 * Reads every manifest and records its export as completed, or its generation as published. What left no manifest
 * (failed and cancelled exports, tenants, credentials, the audit trail) comes from a backup of the ledger only.
 */
export async function rebuildLedger(ledger: RebuiltLedger, objects: Bucket): Promise<Rebuilt> {
  const exports = await rebuildExports(ledger, objects);
  const generations = await rebuildGenerations(ledger, objects);
  return {
    manifests: exports.manifests,
    restored: exports.restored,
    generations: { manifests: generations.manifests, restored: generations.restored },
    unreadable: [...exports.unreadable, ...generations.unreadable],
  };
}

async function rebuildExports(ledger: Pick<Ledger, 'restoreExport'>, objects: Bucket) {
  const unreadable: Unreadable[] = [];
  let manifests = 0;
  let restored = 0;
  for await (const { key, body } of manifestsBelow(objects, 'exports/')) {
    manifests += 1;
    const problem = await restore(ledger, key, textOf(body));
    if (problem === undefined) continue;
    if (problem === true) restored += 1;
    else unreadable.push({ key, problem });
  }
  return { manifests, restored, unreadable };
}

/** Newest first, because the first one that is put back where a tenant has none becomes the current one. */
async function rebuildGenerations(ledger: Pick<Ledger, 'restoreGeneration'>, objects: Bucket) {
  const unreadable: Unreadable[] = [];
  const found: FoundGeneration[] = [];
  let restored = 0;
  for await (const { key, body } of manifestsBelow(objects, 'periodic/')) {
    const read = readGeneration(key, body);
    if ('problem' in read) unreadable.push({ key, problem: read.problem });
    else found.push(read);
  }
  for (const generation of found.sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime())) {
    if (await ledger.restoreGeneration(generation)) restored += 1;
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

/** @returns what the ledger is to know of it, or what is wrong with the manifest. */
function readGeneration(key: string, body: Uint8Array): FoundGeneration | { readonly problem: string } {
  const parsed = parseManifest(textOf(body));
  if ('problem' in parsed) return parsed;
  const { runId: generationId, tenant, workflowId, snapshotAt, files, rows, bytes, createdAt } = parsed.manifest;
  const [recipient] = parsed.manifest.recipients;
  if (recipient === undefined) return { problem: 'It is not sealed.' };
  if (key !== manifestKey(generationPrefix(tenant, generationId))) {
    return { problem: 'It names another tenant or generation than the place it lies at.' };
  }
  return {
    generationId,
    tenant,
    workflowId,
    recipient,
    snapshotAt,
    files: new Set(files.map(({ name }) => name)).size,
    rows,
    bytes,
    manifestSha256: createHash('sha256').update(body).digest('hex'),
    createdAt: new Date(createdAt),
  };
}

/** @returns what is wrong with the manifest, `true` when the ledger changed, `undefined` when it knew the export. */
async function restore(
  ledger: Pick<Ledger, 'restoreExport'>,
  key: string,
  text: string,
): Promise<string | true | undefined> {
  const parsed = parseManifest(text);
  if ('problem' in parsed) return parsed.problem;
  const { manifest } = parsed;
  if (key !== manifestKey(exportPrefix(manifest.tenant, manifest.runId))) {
    return 'It names another tenant or export than the place it lies at.';
  }
  const order = orderOf(manifest);
  if (!order || manifest.expiresAt === null) return 'It is not the manifest of an export on demand.';
  const { runId: exportId, workflowId, snapshotAt, rows, bytes, contentBytes } = manifest;
  const changed = await ledger.restoreExport(
    { exportId, workflowId, order, requestedAt: new Date(snapshotAt) },
    {
      state: 'completed',
      snapshotAt,
      rows,
      bytes,
      contentBytes,
      parts: manifest.files.flatMap((file) => file.parts).length,
      expiresAt: new Date(manifest.expiresAt),
    },
    new Date(manifest.createdAt),
  );
  return changed ? true : undefined;
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
