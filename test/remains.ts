import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client as Postgres } from 'pg';
import type { ServiceSettings } from '../stack/stack.ts';
import { openBucket } from './bucket.ts';
import { encodeHistory, openTemporal } from './temporal.ts';

/** Everything that exports leave, by its place. */
export type Remains = Map<string, Buffer>;

/** All objects, read with the store's root credentials. */
export async function remainsInBucket(settings: ServiceSettings): Promise<Remains> {
  const found: Remains = new Map();
  const bucket = openBucket(settings);
  for await (const { key } of bucket.list('')) {
    found.set(`object ${key}`, Buffer.concat([Buffer.from(key), Buffer.from((await bucket.get(key)) ?? '')]));
  }
  return found;
}

/** Histories of all runs, open and closed, and the schedules. */
export async function remainsInTemporal(settings: Readonly<Record<string, string>>): Promise<Remains> {
  const found: Remains = new Map();
  const { client, history, close } = await openTemporal(settings);
  for await (const { workflowId, runId, memo, searchAttributes } of client.workflow.list()) {
    found.set(`history ${workflowId} ${runId}`, Buffer.from(encodeHistory(await history(workflowId, runId))));
    found.set(`listing ${workflowId} ${runId}`, Buffer.from(JSON.stringify({ memo, searchAttributes })));
  }
  for await (const { scheduleId } of client.schedule.list()) {
    const { raw } = await client.schedule.getHandle(scheduleId).describe();
    found.set(`schedule ${scheduleId}`, Buffer.from(JSON.stringify(raw)));
  }
  await close();
  return found;
}

/** Every row of every table of the ledger, the audit trail among them. */
export async function remainsInPostgres(url: string): Promise<Remains> {
  const found: Remains = new Map();
  const postgres = new Postgres({ connectionString: url });
  await postgres.connect();
  const tables = await postgres.query<{ name: string }>(
    `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
     WHERE table_schema NOT IN ('pg_catalog', 'information_schema')`,
  );
  for (const { name } of tables.rows) {
    const rows = await postgres.query(`SELECT t::text FROM ${name} AS t`);
    found.set(`table ${name}`, Buffer.from(JSON.stringify(rows.rows)));
  }
  await postgres.end();
  return found;
}

/** Every file below a directory: databases, their logs, temporary files. */
export async function remainsOnDisk(directory: string): Promise<Remains> {
  const found: Remains = new Map();
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    // A running server may have removed the file since the listing.
    if (entry.isFile()) found.set(`file ${path}`, await readFile(path).catch(() => Buffer.alloc(0)));
  }
  return found;
}

/** @returns a line for each secret that is in one of the places, in any of its forms */
export function findSecrets(
  remains: Remains,
  secrets: readonly (readonly [name: string, forms: readonly Buffer[]])[],
): readonly string[] {
  return [...remains].flatMap(([place, bytes]) =>
    secrets.filter(([, forms]) => forms.some((form) => bytes.includes(form))).map(([name]) => `${name} in ${place}`),
  );
}

/** The forms in which a secret may appear: as it is, in lower case, in hex, and in base64 at any offset. */
export function formsOf(secret: string): readonly Buffer[] {
  const bytes = Buffer.from(secret);
  return [
    bytes,
    Buffer.from(secret.toLowerCase()),
    Buffer.from(bytes.toString('hex')),
    ...[0, 1, 2].map((offset) => {
      const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
      // The first and the last group also depend on the neighbouring bytes.
      return Buffer.from(text.slice(offset === 0 ? 0 : 4, -4));
    }),
  ];
}

const BECH32 = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';

/** The bytes that an age identity encodes. Source: BIP 173. */
export function identityBytes(identity: string): Buffer {
  const text = identity.toLowerCase();
  const groups = [...text.slice(text.lastIndexOf('1') + 1, -6)].map((letter) => BECH32.indexOf(letter));
  const bits = groups.map((group) => group.toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
