import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import pg from 'pg';
import { type Instant, instantFromDate } from '../contracts/instant.ts';
import { daySeries, runPrefix } from '../contracts/keys.ts';
import { describeManifest, type FileContents, type Manifest } from '../contracts/manifest.ts';
import { CSV_DEFAULTS } from '../contracts/order.ts';
import { RECURRING } from '../contracts/recurring.ts';
import type { Objects } from './objects/objects.ts';
import { storeManifest } from './objects/signatures.ts';

/** Parts of each file by its name in the manifest, such as `user` or `user.deleted`. */
export type DeliveredFiles = Readonly<Record<string, readonly Buffer[]>>;

/** A delivery as its run leaves it. */
export interface Delivery {
  readonly runId: string;
  readonly manifest: Manifest;
  /** The manifest's bytes. */
  readonly bytes: Buffer;
  readonly prefix: string;
}

/**
 * For tests and benchmarks: publishes one day of recurring exports: objects, manifest, and a current run that replaces the one before it. Stands in for the
 * workflow of recurring exports.
 *
 * @param options.sums whether the manifest has the SHA-256 of files of several parts
 */
export async function deliver(options: {
  readonly ledgerUrl: string;
  readonly objects: Objects;
  readonly tenant: string;
  readonly day: string;
  readonly files: DeliveredFiles;
  readonly sums?: boolean;
  readonly endedAt?: Date;
}): Promise<Delivery> {
  const { ledgerUrl, objects, tenant, day, files, sums = true, endedAt = new Date() } = options;
  const runId = randomUUID();
  const prefix = runPrefix({ kind: RECURRING.kind, tenant, runId });
  const contents: FileContents[] = [];
  for (const [name, parts] of Object.entries(files)) {
    const described = [];
    for (const [index, bytes] of parts.entries()) {
      const object = `${name}-${String(index).padStart(5, '0')}-a-1.csv`;
      const write = { contentType: 'text/csv', signal: new AbortController().signal };
      const { sha256 } = await objects.write(`${prefix}${object}`, Readable.from([bytes]), write);
      const sizes = { bytes: bytes.length, contentBytes: bytes.length };
      described.push({ name: object, rows: 1, ...sizes, sha256, contentSha256: sha256 });
    }
    contents.push({
      ...{ name, file: `${name}.csv`, dataset: name, window: null, parameters: {}, format: 'csv' },
      ...{ csv: CSV_DEFAULTS, compression: 'none', columns: [], parts: described },
      ...(sums && { sha256: sha256Of(...parts) }),
    });
  }
  const snapshotAt = `${day}T00:00:00.000000Z` as Instant;
  const manifest = describeManifest(
    {
      ...{ kind: RECURRING.kind, runId, workflowId: `w-${runId}`, tenant, snapshotAt, recipients: [] },
      ...{ createdAt: instantFromDate(endedAt), expiresAt: null },
    },
    contents,
  );
  const bytes = Buffer.from(JSON.stringify(manifest));
  await storeManifest(objects, prefix, bytes, undefined);
  await commit(ledgerUrl, manifest, { day, endedAt, sha256: sha256Of(bytes) });
  return { runId, manifest, bytes, prefix };
}

async function commit(
  url: string,
  { runId, tenant, workflowId, snapshotAt, files, rows, bytes, contentBytes }: Manifest,
  { day, endedAt, sha256 }: { readonly day: string; readonly endedAt: Date; readonly sha256: string },
): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('begin');
    await client.query(
      'insert into standing_orders (tenant, kind, epoch, version) values ($1, $2, 1, 1) on conflict do nothing',
      [tenant, RECURRING.kind],
    );
    const series = daySeries(RECURRING.kind, tenant, day);
    await client.query('update runs set current = false where tenant = $1 and series = $2 and current', [
      tenant,
      series,
    ]);
    await client.query(
      `insert into runs (run_id, tenant, kind, series, subject, workflow_id, standing_order_id, epoch, state, requested_at,
         started_at, ended_at, snapshot_at, files, parts, rows, bytes, content_bytes, manifest_sha256, current)
       select $1, $2, $3, $4, $3, $5, standing_order_id, 1, 'completed', $6, $6, $6, $7, $8, $9, $10, $11, $12, $13, true
       from standing_orders where tenant = $2 and kind = $3`,
      [
        ...[runId, tenant, RECURRING.kind, series, workflowId, endedAt, snapshotAt, files.length],
        ...[files.reduce((sum, file) => sum + file.parts.length, 0), rows, bytes, contentBytes, sha256],
      ],
    );
    await client.query('commit');
  } finally {
    await client.end();
  }
}

export function sha256Of(...parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
