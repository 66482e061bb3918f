import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { Client as Postgres } from 'pg';
import { exportPrefix, generationPrefix, manifestKey } from '../../contracts/keys.ts';
import { getProgram } from '../../stack/find.ts';
import type { Objects } from '../../stores/objects/objects.ts';
import { openBucket } from '../bucket.ts';
import { compareCsv, ROWS, rowAt } from './source.ts';

/** What is wrong, a sentence each; nothing else is said of an export that is right. */
export interface Audit {
  /** A count of completed exports and generations whose every byte was read. */
  readonly read: number;
  /** Completed, and not what the source holds. */
  readonly wrong: readonly string[];
  /** Neither ended nor under way. */
  readonly stuck: readonly string[];
  /** Objects and uploads that belong to nothing. */
  readonly strays: readonly string[];
}

interface ExportRow {
  readonly run_id: string;
  readonly tenant: string;
  readonly state: string;
  /** Why its files are gone; `null`: they are not. */
  readonly removal: string | null;
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

/** A manifest, as far as the auditor looks at it; it reads both kinds without the product's code. */
interface Manifest {
  readonly files: readonly { readonly name: string; readonly format: string; readonly parts: readonly StoredPart[] }[];
}
interface StoredPart {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Reads the ledger's rows, the bucket and the disk below it, and compares every completed export with the source. It asks
 * neither the API nor Temporal, and opens sealed files with the stock `age`.
 *
 * @param options.identityFile of the recipient that on-demand exports are sealed to
 */
export async function audit(options: {
  readonly settings: Readonly<Record<string, string>>;
  readonly objectsDirectory: string;
  readonly identityFile: string;
  /** Private key that a generation is sealed to, by the generation's id. */
  readonly generationKeys: ReadonlyMap<string, string>;
  readonly environment: Readonly<Record<string, string | undefined>>;
}): Promise<Audit> {
  const { settings, objectsDirectory, identityFile, generationKeys, environment } = options;
  const bucket = openBucket(settings);
  const age = await getProgram('age', { environment, report: () => undefined, signal: new AbortController().signal });
  const { exports, generations } = await readLedger(settings.WAYBILL_LEDGER_URL ?? '');
  const wrong: string[] = [];
  const known = new Set<string>();
  let read = 0;

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

  for (const { run_id: id, tenant, state, removal, order } of exports) {
    if (state !== 'completed' || removal !== null) continue;
    const [manifest, contents] = await readListed(exportPrefix(tenant, id), `export ${id}`);
    const parts = manifest.files.flatMap((described) => described.parts);
    const file = Buffer.concat(parts.map(({ name }) => contents.get(name) ?? Buffer.alloc(0)));
    const opened = order.recipients.length > 0 ? await openSealed(age.path, identityFile, file) : file;
    const content = order.compression === 'gzip' ? gunzipSync(opened) : opened;
    const problem = compareCsv(content, rowAt(order.window.from), rowAt(order.window.to));
    if (problem !== undefined) wrong.push(`export ${id} ${problem}`);
  }

  for (const { run_id: id, tenant, current } of generations) {
    if (!current) continue;
    const [manifest, contents] = await readListed(generationPrefix(tenant, id), `generation ${id}`);
    const key = generationKeys.get(id);
    const csv = manifest.files.find(({ name, format }) => name === 'events' && format === 'csv')?.parts[0];
    if (key === undefined || !csv) continue;
    const keyFile = join(objectsDirectory, '..', `${id}.key`);
    await writeFile(keyFile, `${key}\n`, { mode: 0o600 });
    const content = await openSealed(age.path, keyFile, contents.get(csv.name) ?? Buffer.alloc(0));
    const problem = compareCsv(content, 0, ROWS - 1);
    if (problem !== undefined) wrong.push(`generation ${id} ${problem}`);
  }

  const active = new Set(['pending', 'running']);
  const stuck = [
    ...exports.filter(({ state }) => active.has(state)).map(({ run_id: id, state }) => `export ${id} is ${state}`),
    ...generations.filter(({ state }) => active.has(state)).map(({ run_id: id }) => `generation ${id} is running`),
  ];
  return { read, wrong, stuck, strays: await findStrays(bucket, known, objectsDirectory) };
}

async function readLedger(url: string) {
  const postgres = new Postgres({ connectionString: url });
  await postgres.connect();
  try {
    const exports = await postgres.query<ExportRow>(
      `select run_id, tenant, state, removal, "order" from runs where kind = 'on-demand'`,
    );
    const generations = await postgres.query<GenerationRow>(
      `select run_id, tenant, state, current from runs where kind = 'periodic'`,
    );
    return { exports: exports.rows, generations: generations.rows };
  } finally {
    await postgres.end();
  }
}

/** Uploads are looked for on the disk: after a restart MinIO lists only newer ones. */
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

async function openSealed(age: string, identityFile: string, sealed: Buffer): Promise<Buffer> {
  const child = spawn(age, ['--decrypt', '--identity', identityFile], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => undefined);
  child.stdin.end(sealed);
  const [content, complaint] = await Promise.all([buffer(child.stdout), buffer(child.stderr)]);
  if (complaint.length > 0) return Buffer.from(`age said: ${complaint.toString()}`);
  return content;
}
