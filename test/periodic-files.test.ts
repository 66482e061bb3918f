import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { beforeAll, describe, expect, it } from 'vitest';
import { manifestKey } from '../contracts/keys.ts';
import type { Manifest, ManifestFile } from '../contracts/manifest.ts';
import type { PeriodicFormat } from '../contracts/periodic.ts';
import type { Objects } from '../stores/objects/objects.ts';
import { openWithAge, readZip, unzipTests } from './archive.ts';
import { keysBelow, openBucket, readGeneration } from './bucket.ts';
import { closeAtEnd, temporaryFolder } from './cleanup.ts';
import { type OwnServices, startOwnServices } from './context.ts';
import { generationPrefix, periodicPrefix } from './keys.ts';
import { BUNDLE } from './periodic-bundle.ts';
import { createPeriodicClient, enableAndWait, type PeriodicClient } from './periodic-client.ts';
import { readCsv } from './periodic-csv.ts';
import { parseExact, typedValue } from './periodic-exact.ts';
import { readDownload } from './raw-download.ts';

let services: OwnServices;
let bucket: Objects;
let client: PeriodicClient;
let privateKey: string;
let manifest: Manifest;
let prefix: string;
let folder: string;
let warehouse: DuckDBConnection;

beforeAll(async () => {
  services = await startOwnServices();
  bucket = openBucket(services.settings);
  client = createPeriodicClient(services.url, 'dreambuilder-demo-secret');
  const { generationId, ...enabled } = await enableAndWait(client);
  ({ privateKey } = enabled);
  prefix = generationPrefix('dreambuilder', generationId);
  manifest = await readGeneration(bucket, 'dreambuilder', generationId);
  folder = await temporaryFolder();
  const instance = await DuckDBInstance.create();
  closeAtEnd(() => instance.closeSync());
  warehouse = await instance.connect();
  closeAtEnd(() => warehouse.closeSync());
  await warehouse.run(`SET TimeZone = 'UTC'; ${services.settings.WAYBILL_WAREHOUSE_SQL}`);
});

function fileOf(name: string, format: PeriodicFormat): ManifestFile {
  const found = manifest.files.find((file) => file.name === name && file.format === format);
  if (!found) throw new Error(`there is no ${name}`);
  return found;
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const headers = () => ({ 'api-key': 'dreambuilder-demo-secret', 'x-private-key': privateKey });
const addressOf = (path: string) => `${services.url}/dataexport/${path}`;

async function rowsOf(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  return (await warehouse.runAndReadAll(sql)).getRowObjectsJson();
}

/** SQL that casts a CSV value to the type in the warehouse, as a reader of the file would. */
function castSql(name: string, type: string): string {
  const column = `"${name}"`;
  if (type.endsWith('[]')) return `CAST(from_json(${column}, '["VARCHAR"]') AS ${type}) AS ${column}`;
  if (type === 'TIMESTAMP') return `CAST(CAST(${column} AS TIMESTAMPTZ) AS TIMESTAMP) AS ${column}`;
  return `CAST(${column} AS ${type}) AS ${column}`;
}

describe.each(BUNDLE)('$file', ({ file, columns }) => {
  it('has exactly the rows and values of the warehouse, as CSV', async () => {
    const table = `warehouse.evaluation."${file}"`;
    const types = new Map(
      (await rowsOf(`DESCRIBE ${table}`)).map(({ column_name, column_type }) => [
        String(column_name),
        String(column_type),
      ]),
    );
    const path = join(folder, `${file}.csv`);
    await writeFile(path, await client.download(`file=${file}&fileType=csv`, privateKey));
    const casts = columns.map((name) => castSql(name, types.get(name) ?? 'none'));
    await warehouse.run(
      `CREATE OR REPLACE TEMP TABLE came AS SELECT ${casts.join(', ')} FROM read_csv('${path}', all_varchar = true,
         header = true, delim = ',', quote = '"', escape = '"', allow_quoted_nulls = false, parallel = false)`,
    );
    const theirs = `SELECT ${columns.map((name) => `"${name}"`).join(', ')} FROM ${table} WHERE tenant = 'dreambuilder'`;
    const [counts] = await rowsOf(
      `SELECT (SELECT count(*) FROM (${theirs})) AS expected, (SELECT count(*) FROM came) AS came,
         (SELECT count(*) FROM (${theirs} EXCEPT ALL FROM came)) AS lost,
         (SELECT count(*) FROM (FROM came EXCEPT ALL ${theirs})) AS strange`,
    );
    const rows = Number(counts?.expected);
    expect(rows).toBeGreaterThan(0);
    expect(counts).toEqual({ expected: String(rows), came: String(rows), lost: '0', strange: '0' });
    expect(fileOf(file, 'csv').rows).toBe(rows);
  });

  it('has the text of the CSV, as JSON, and exact numbers, as typed JSON', async () => {
    const [csv, json, typed] = await Promise.all([
      client.download(`file=${file}&fileType=csv`, privateKey),
      client.download(`file=${file}&fileType=json`, privateKey),
      client.download(`file=${file}&fileType=json&parseJsonDataTypes=true`, privateKey),
    ]);
    const texts = JSON.parse(json.toString()) as Record<string, string | null>[];
    expect(texts).toEqual(readCsv(csv.toString()));
    const described = fileOf(file, 'typed-json').columns;
    const expected = texts.map((row) =>
      Object.fromEntries(described.map(({ name, type }) => [name, typedValue(row[name] ?? null, type)])),
    );
    expect(parseExact(typed.toString())).toEqual(expected);
  });
});

const QUERIES: Readonly<Record<string, string>> = {
  csv: 'fileType=csv',
  json: 'fileType=json',
  'typed-json': 'fileType=json&parseJsonDataTypes=true',
};

describe('a generation', () => {
  it('matches its manifest: objects, bytes, hashes, rows, one snapshot', async () => {
    const view = await client.generation();
    expect(manifest).toMatchObject({ tenant: 'dreambuilder', runId: view.generationId });
    expect(manifest.snapshotAt).toBe(view.snapshotAt);
    expect(manifest.recipients).toEqual([(await client.status()).recipient]);
    const keys = [manifestKey(prefix)];
    for (const { name: file, format, rows, parts, contentBytes } of manifest.files) {
      const content = await client.download(`file=${file}&${QUERIES[format]}`, privateKey);
      expect([file, format, content.length]).toEqual([file, format, contentBytes]);
      if (format !== 'csv') expect([file, (JSON.parse(content.toString()) as []).length]).toEqual([file, rows]);
      for (const { name, bytes, sha256: expected } of parts) {
        const stored = (await bucket.get(prefix + name)) ?? new Uint8Array();
        expect([name, stored.byteLength, sha256(stored)]).toEqual([name, bytes, expected]);
        keys.push(prefix + name);
      }
    }
    expect(await keysBelow(bucket, periodicPrefix('dreambuilder'))).toEqual(keys.toSorted());
    const rows = BUNDLE.map(({ file }) => fileOf(file, 'json').rows);
    expect(manifest.rows).toBe(rows.reduce((sum, count) => sum + count, 0));
  });

  it.each(['evaluation', 'user', 'year'])('stores %s as objects that the age command opens', async (file) => {
    for (const { format, parts } of manifest.files.filter(({ name }) => name === file)) {
      const stored = await bucket.get(prefix + (parts[0]?.name ?? ''));
      const content = await client.download(`file=${file}&${QUERIES[format]}`, privateKey);
      expect((await openWithAge(stored ?? new Uint8Array(), privateKey)).equals(content)).toBe(true);
    }
  });

  it.each([
    ['csv', 'fileType=csv', '.csv'],
    ['json', 'fileType=json', '.json'],
    ['typed json', 'fileType=json&parseJsonDataTypes=true', '.json'],
    ['sealed', 'fileType=csv&sealed=true', '.csv.age'],
  ])('is a zip (%s) of flat entries that equal the single downloads', async (_, query, extension) => {
    const archive = await client.downloadAll(query, privateKey);
    expect([true, undefined]).toContain(await unzipTests(archive));
    const entries = await readZip(archive);
    expect([...entries.keys()].toSorted()).toEqual(BUNDLE.map(({ file }) => `${file}${extension}`).toSorted());
    for (const [name, content] of entries) {
      const single = await client.download(`file=${name.slice(0, -extension.length)}&${query}`, privateKey);
      expect([name, content.equals(single)]).toEqual([name, true]);
    }
  });
});

describe('a download', () => {
  it.each([
    ['file=user&fileType=csv', 'text/csv; charset=utf-8', 'user.csv', () => fileOf('user', 'csv').contentBytes],
    ['file=user&fileType=json', 'application/json', 'user.json', () => fileOf('user', 'json').contentBytes],
    [
      'file=user&fileType=json&parseJsonDataTypes=true',
      'application/json',
      'user.json',
      () => fileOf('user', 'typed-json').contentBytes,
    ],
    [
      'file=user&fileType=csv&sealed=true',
      'application/octet-stream',
      'user.csv.age',
      () => fileOf('user', 'csv').bytes,
    ],
  ])('%s has its type, name and length in its headers', async (query, type, name, length) => {
    const answer = await readDownload(addressOf(`download?${query}`), headers());
    expect([answer.status, answer.complete]).toEqual([200, true]);
    expect(answer.headers).toMatchObject({
      'content-type': type,
      'content-disposition': `attachment; filename="${name}"; filename*=UTF-8''${name}`,
      'cache-control': 'no-store',
      'x-waybill-generation': manifest.runId,
      'x-waybill-snapshot': manifest.snapshotAt,
    });
    const expected = length();
    expect([answer.headers['content-length'], answer.body.length]).toEqual([String(expected), expected]);

    const head = await fetch(addressOf(`download?${query}`), { method: 'HEAD', headers: headers() });
    expect([head.status, head.headers.get('content-type')]).toEqual([200, type]);
    expect(head.headers.get('content-length')).toBe(String(expected));
  });

  it('takes the key from the query as well as from the header', async () => {
    const { 'api-key': key } = headers();
    const byQuery = await readDownload(addressOf(`download?file=year&fileType=csv&privateKey=${privateKey}`), {
      'api-key': key,
    });
    expect(byQuery.body.equals(await client.download('file=year&fileType=csv', privateKey))).toBe(true);
    expect(JSON.stringify(byQuery.headers)).not.toContain(privateKey);
  });
});
