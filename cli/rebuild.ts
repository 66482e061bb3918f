import { createHash } from 'node:crypto';
import { z } from 'zod';
import { parseInstant } from '../contracts/instant.ts';
import { manifestKey, runPrefix } from '../contracts/keys.ts';
import { type Manifest, parseManifest } from '../contracts/manifest.ts';
import { CSV_DEFAULTS, FILE_FORMATS, FORMATS, type Order, type RequestOrder } from '../contracts/order.ts';
import { PERIODIC } from '../contracts/periodic.ts';
import {
  ALL_STATUSES,
  ARCHIVE_TYPES,
  type ArchiveOrder,
  INTERVIEW_STATUS_NAMES,
  parseVersion,
  QUESTIONNAIRE,
} from '../contracts/questionnaires.ts';
import { ANONYMIZED_TYPE, RECURRING } from '../contracts/recurring.ts';
import { REQUESTS } from '../contracts/requests.ts';
import { type ExportKind, ON_DEMAND } from '../contracts/run.ts';
import type { RestoredChanges, RestoredRun, Runs } from '../stores/ledger/ports.ts';
import { requestSeries } from '../stores/ledger/request-series.ts';
import type { Objects } from '../stores/objects/objects.ts';

/** Manifests of one kind of export. */
interface Found {
  /** Count of manifests in the bucket. */
  readonly manifests: number;
  /** Count of runs that the ledger did not know, or did not know to have ended. */
  readonly restored: number;
}

/** Exports on demand, the generations of periodic exports, the deliveries of recurring ones, archives, and requests. */
export interface Rebuilt extends Found {
  readonly generations: Found;
  readonly deliveries: Found;
  readonly archives: Found;
  readonly requests: Found;
  readonly unreadable: readonly Unreadable[];
}
interface Unreadable {
  readonly key: string;
  readonly problem: string;
}

type RebuiltRuns = Pick<Runs, 'restore'>;
type Bucket = Pick<Objects, 'list' | 'get'>;

const DAY_MS = 86_400_000;

/**
 * Reads every manifest and records its run as completed. Everything without a manifest (failed and cancelled runs,
 * tenants, credentials, the audit trail) can only come from a backup of the ledger.
 */
export async function rebuildLedger(runs: RebuiltRuns, objects: Bucket): Promise<Rebuilt> {
  const unreadable: Unreadable[] = [];

  /** Newest first: the first run restored in a series without a current one becomes current. */
  async function rebuildKind(kind: ExportKind, prefix: string): Promise<Found> {
    let manifests = 0;
    let restored = 0;
    const found: RestoredRun[] = [];
    for await (const { key, body } of manifestsBelow(objects, prefix)) {
      manifests += 1;
      const run = readRun(kind, key, body);
      if ('problem' in run) unreadable.push({ key, problem: run.problem });
      else found.push(run);
    }
    for (const run of found.sort((a, b) => b.endedAt.getTime() - a.endedAt.getTime())) {
      if (await runs.restore(run)) restored += 1;
    }
    return { manifests, restored };
  }

  const exports = await rebuildKind(ON_DEMAND, 'exports/');
  const generations = await rebuildKind(PERIODIC.kind, 'periodic/');
  const deliveries = await rebuildKind(RECURRING.kind, 'recurring/');
  const archives = await rebuildKind(QUESTIONNAIRE, `${QUESTIONNAIRE}/`);
  const requests = await rebuildKind(REQUESTS, `${REQUESTS}/`);
  return { ...exports, generations, deliveries, archives, requests, unreadable };
}

async function* manifestsBelow(objects: Bucket, prefix: string) {
  for await (const { key } of objects.list(prefix)) {
    if (!key.endsWith(manifestKey('/'))) continue;
    const body = await objects.get(key);
    // Missing if it was removed after it was listed.
    if (body !== undefined) yield { key, body };
  }
}

function readRun(kind: ExportKind, key: string, body: Uint8Array): RestoredRun | { readonly problem: string } {
  const parsed = parseManifest(Buffer.from(body).toString('utf8'));
  if ('problem' in parsed) return parsed;
  const { manifest } = parsed;
  const { runId, workflowId, tenant, snapshotAt, files, rows, bytes, contentBytes } = manifest;
  if (key !== manifestKey(runPrefix({ kind, tenant, runId }))) {
    return { problem: 'It belongs to another tenant or run than its key says.' };
  }
  const common = {
    ...{ runId, workflowId, snapshotAt, rows, bytes, contentBytes },
    files: new Set(files.map(({ name }) => name)).size,
    parts: files.reduce((sum, { parts }) => sum + parts.length, 0),
    manifestSha256: createHash('sha256').update(body).digest('hex'),
    endedAt: new Date(manifest.createdAt),
  };
  if (kind === ON_DEMAND) {
    const order = orderOf(manifest);
    if (!order || manifest.expiresAt === null) return { problem: 'It is not the manifest of an export on demand.' };
    return { ...common, order, expiresAt: new Date(manifest.expiresAt) };
  }
  if (kind === REQUESTS) {
    const order = requestOf(manifest);
    if (!order || manifest.expiresAt === null) return { problem: 'It is not the manifest of a request.' };
    return { ...common, order, series: requestSeries(order), expiresAt: new Date(manifest.expiresAt) };
  }
  if (kind === QUESTIONNAIRE) {
    const order = archiveOf(manifest);
    const hasPassword = files.some(({ encryption }) => encryption !== undefined);
    return order ? { ...common, order, hasPassword } : { problem: 'It is not the manifest of an archive.' };
  }
  if (kind === RECURRING.kind) {
    const changes = changesOf(manifest);
    return changes ? { ...common, ...changes } : { problem: 'It is not the manifest of a recurring export.' };
  }
  const [recipient] = manifest.recipients;
  if (recipient === undefined) return { problem: 'It is not sealed.' };
  return { ...common, tenant, kind, subject: PERIODIC.subject, recipient };
}

/**
 * Derives the order from the manifest.
 *
 * @returns `undefined` for the manifest of another kind of export
 */
export function orderOf(manifest: Manifest): Order | undefined {
  const order = fileOrderOf(manifest);
  const format = FORMATS.find((candidate) => candidate === order?.format);
  return order && format && { ...order, format };
}

/** @returns the order of an archive; `undefined` for the manifest of another kind of export */
function archiveOf({ tenant, recipients, files }: Manifest): ArchiveOrder | undefined {
  const [file, ...others] = files;
  const [bundle, text = '', ...rest] = file?.dataset.split('/') ?? [];
  const version = parseVersion(text);
  if (!file || !bundle || !version || others.length + rest.length > 0) return undefined;
  const { type, status, from, to } = Archive.parse(file.parameters);
  return { tenant, bundle, ...version, type, status: status === ALL_STATUSES ? null : status, from, to, recipients };
}

const time = z
  .string()
  .default('')
  .transform((text) => parseInstant(text) ?? null);
const Archive = z.object({
  type: z.enum(ARCHIVE_TYPES),
  status: z.enum([ALL_STATUSES, ...INTERVIEW_STATUS_NAMES]),
  ...{ from: time, to: time },
});

/** @returns the order of a request; `undefined` for the manifest of another kind of export */
function requestOf(manifest: Manifest): RequestOrder | undefined {
  const order = fileOrderOf(manifest);
  const format = FILE_FORMATS.find((candidate) => candidate === order?.format);
  return order && format && { ...order, format, columns: null, roundsMax: 1 };
}

function fileOrderOf({ tenant, recipients, files, createdAt, expiresAt }: Manifest) {
  const [file, ...others] = files;
  if (!file || expiresAt === null) return undefined;
  const { dataset, format, window, parameters, filter, csv, timeZone, columns, compression, rowsPerFile } = file;
  if (others.length > 0 && (rowsPerFile === undefined || others.some((other) => other.dataset !== dataset)))
    return undefined;
  if (window?.bounds !== 'inclusive') return undefined;
  return {
    ...{ tenant, dataset, window, parameters, format, compression, recipients },
    csv: csv ?? CSV_DEFAULTS,
    ...(filter && { filter }),
    ...(timeZone !== undefined && { timeZone }),
    ...(rowsPerFile !== undefined && { rowsPerFile }),
    columns: columns.map((column) => column.name),
    keepDays: Math.max(1, Math.round((Date.parse(expiresAt) - Date.parse(createdAt)) / DAY_MS)),
  };
}

/** @returns what a run of changes delivered; `undefined` for the manifest of another kind of export */
function changesOf({ tenant, kind, delivery, files, expiresAt }: Manifest): RestoredChanges | undefined {
  if (!delivery) return undefined;
  const delivered = files.flatMap(({ dataset, load, window, rowsWanted, columns, rows }) => {
    if (rowsWanted !== undefined || window?.bounds !== 'half-open') return [];
    const { from: windowFrom, to: windowTo } = window;
    const kept = columns.map(({ name, type, anonymized }) => ({ name, type: anonymized ? ANONYMIZED_TYPE : type }));
    return { dataset, complete: load === 'complete', windowFrom, windowTo, columns: kept, rows };
  });
  const at = expiresAt === null ? null : new Date(expiresAt);
  return { tenant, kind, subject: RECURRING.subject, day: delivery.day, delivered, expiresAt: at };
}
