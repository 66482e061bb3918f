import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Client as Postgres } from 'pg';
import { manifestKey } from '../../contracts/keys.ts';
import type { Environment } from '../../stack/process.ts';
import type { ServiceSettings } from '../../stack/stack.ts';
import type { Objects } from '../../stores/objects/objects.ts';
import { openWithAge } from '../archive.ts';
import { openBucket } from '../bucket.ts';
import { exportPrefix, generationPrefix } from '../keys.ts';
import { compareCsv, ROWS, rowAt } from './source.ts';

/** Everything that is wrong, one sentence each. */
export interface Audit {
  /** Number of completed exports and generations whose every byte was read. */
  readonly read: number;
  /** Completed, but different from the source. */
  readonly wrong: readonly string[];
  /** Still active although nothing works on them. */
  readonly stuck: readonly string[];
  /** Objects and uploads that belong to nothing. */
  readonly strays: readonly string[];
}

interface ExportRow {
  readonly run_id: string;
  readonly tenant: string;
  readonly state: string;
  /** Why its files are gone; `null`: they are not, or not all. */
  readonly removal: string | null;
  /** When it was asked to remove them. */
  readonly deleted_at: Date | null;
  readonly order: {
    readonly window: { readonly from: string; readonly to: string };
    readonly compression: string;
    readonly recipients: readonly string[];
  };
}

interface GenerationRow {
  readonly run_id: string;
  readonly tenant: string;
  readonly state: string;
  readonly current: boolean;
}

/** The fields of a manifest that the auditor reads; it does so without the product's code. */
interface Manifest {
  readonly files: readonly { readonly name: string; readonly format: string; readonly parts: readonly StoredPart[] }[];
}
interface StoredPart {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Reads the ledger's rows, the bucket and the disk below it, and compares every completed export with the source. It uses
 * neither the API nor Temporal, and opens sealed files with the stock `age`.
 *
 * @param options.identity of the recipient that on-demand exports are sealed to
 */
export async function audit(options: {
  readonly settings: ServiceSettings;
  readonly objectsDirectory: string;
  readonly identity: string;
  /** Private key that a generation is sealed to, by the generation's id. */
  readonly generationKeys: ReadonlyMap<string, string>;
  readonly environment: Environment;
}): Promise<Audit> {
  const { settings, objectsDirectory, identity, generationKeys, environment } = options;
  const bucket = openBucket(settings);
  const { exports, generations } = await readLedger(settings.WAYBILL_LEDGER_URL);
  const wrong: string[] = [];
  const known = new Set<string>();
  let read = 0;

  const open = (sealed: Buffer, key: string) =>
    openWithAge(sealed, key, environment).catch((error: unknown) => Buffer.from(`cannot be decrypted: ${error}`));

  async function readListed(prefix: string, what: string): Promise<readonly [Manifest, Map<string, Buffer>]> {
    const stored = await bucket.get(manifestKey(prefix));
    known.add(manifestKey(prefix));
    const contents = new Map<string, Buffer>();
    if (!stored) {
      wrong.push(`${what} has no manifest`);
      return [{ files: [] }, contents];
    }
    const manifest = JSON.parse(Buffer.from(stored).toString('utf8')) as Manifest;
    const listed = manifest.files.flatMap(({ parts }) => parts);
    for (const { name, bytes, sha256 } of listed) {
      known.add(prefix + name);
      const content = Buffer.from((await bucket.get(prefix + name)) ?? '');
      if (content.length !== bytes || createHash('sha256').update(content).digest('hex') !== sha256) {
        wrong.push(`${what}: ${name} is not what the manifest says`);
      }
      contents.set(name, content);
    }
    read += 1;
    return [manifest, contents];
  }

  for (const { run_id: id, tenant, state, removal, deleted_at: deletedAt, order } of exports) {
    if (state !== 'completed' || removal !== null || deletedAt !== null) continue;
    const [manifest, contents] = await readListed(exportPrefix(tenant, id), `export ${id}`);
    const parts = manifest.files.flatMap((described) => described.parts);
    const file = Buffer.concat(parts.map(({ name }) => contents.get(name) ?? Buffer.alloc(0)));
    const opened = order.recipients.length > 0 ? await open(file, identity) : file;
    try {
      const content = order.compression === 'gzip' ? gunzipSync(opened) : opened;
      const problem = compareCsv(content, rowAt(order.window.from), rowAt(order.window.to));
      if (problem !== undefined) wrong.push(`export ${id} ${problem}`);
    } catch (error) {
      wrong.push(`export ${id} cannot be decompressed: ${error}; it begins with ${opened.toString('latin1', 0, 300)}`);
    }
  }

  for (const { run_id: id, tenant, current } of generations) {
    if (!current) continue;
    const [manifest, contents] = await readListed(generationPrefix(tenant, id), `generation ${id}`);
    const key = generationKeys.get(id);
    const csv = manifest.files.find(({ name, format }) => name === 'events' && format === 'csv')?.parts[0];
    if (key === undefined || !csv) continue;
    const content = await open(contents.get(csv.name) ?? Buffer.alloc(0), key);
    const problem = compareCsv(content, 0, ROWS - 1);
    if (problem !== undefined) wrong.push(`generation ${id} ${problem}`);
  }

  const active = new Set(['pending', 'running']);
  const stuck = [
    ...exports.filter(({ state }) => active.has(state)).map(({ run_id: id, state }) => `export ${id} is ${state}`),
    ...exports
      .filter(({ deleted_at: deletedAt, removal }) => deletedAt !== null && removal === null)
      .map(({ run_id: id }) => `export ${id} is deleted, and its files are there`),
    ...generations.filter(({ state }) => active.has(state)).map(({ run_id: id }) => `generation ${id} is running`),
  ];
  return { read, wrong, stuck, strays: await findStrays(bucket, known, objectsDirectory) };
}

async function readLedger(url: string) {
  const postgres = new Postgres({ connectionString: url });
  await postgres.connect();
  try {
    const exports = await postgres.query<ExportRow>(
      `select run_id, tenant, state, removal, deleted_at, "order" from runs where kind = 'on-demand'`,
    );
    const generations = await postgres.query<GenerationRow>(
      `select run_id, tenant, state, current from runs where kind = 'periodic'`,
    );
    return { exports: exports.rows, generations: generations.rows };
  } finally {
    await postgres.end();
  }
}

/** Looks for uploads on the disk, because after a restart MinIO lists only newer ones. */
async function findStrays(bucket: Objects, known: ReadonlySet<string>, directory: string): Promise<readonly string[]> {
  const strays: string[] = [];
  for await (const { key } of bucket.list('')) {
    if (!known.has(key)) strays.push(`object ${key}`);
  }
  const multipart = join(directory, '.minio.sys', 'multipart');
  for (const folder of await readdir(multipart).catch(() => [])) {
    for (const upload of await readdir(join(multipart, folder))) strays.push(`upload ${folder}/${upload}`);
  }
  return strays;
}
