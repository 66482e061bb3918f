import { beforeAll, describe, expect, it } from 'vitest';
import { manifestKey } from '../contracts/keys.ts';
import type { Manifest, ManifestPart } from '../contracts/manifest.ts';
import type { PeriodicFormat } from '../contracts/periodic.ts';
import type { Objects } from '../stores/objects/objects.ts';
import { SEALED_CHUNK_BYTES } from '../streams/age/layout.ts';
import { seal } from '../streams/age/payload.ts';
import { collect, pieces } from '../streams/stream-fixture.ts';
import { unzipTests } from './archive.ts';
import { openBucket, readGeneration } from './bucket.ts';
import { writeCatalog } from './cleanup.ts';
import { type OwnServices, startOwnServices } from './context.ts';
import { generationPrefix } from './keys.ts';
import { createPeriodicClient, enableAndWait, type PeriodicClient } from './periodic-client.ts';
import { readDownload } from './raw-download.ts';

/** `long` is a few MiB in either file type, `short` less than one age chunk. */
const CATALOG = `
datasets:
  - name: short
    title: A few rows
    doors: [periodic]
    sql: SELECT 'acme' AS tenant, i AS id, 'text of ' || i AS text FROM range(20) AS r(i)
    tenant_column: tenant
    columns: [{ name: id, type: integer }, { name: text, type: text }]
  - name: long
    title: Many rows
    doors: [periodic]
    sql: SELECT 'acme' AS tenant, i AS id, md5(i::VARCHAR) AS text FROM range(100000) AS r(i)
    tenant_column: tenant
    columns: [{ name: id, type: integer }, { name: text, type: text }]
`;

const FILES = ['short', 'long'] as const;

let services: OwnServices;
let bucket: Objects;
let client: PeriodicClient;
let privateKey: string;
let manifest: Manifest;
let prefix: string;

beforeAll(async () => {
  services = await startOwnServices(await writeCatalog(CATALOG));
  bucket = openBucket(services.settings);
  client = createPeriodicClient(services.url, 'acme-demo-secret');
  const { generationId, ...enabled } = await enableAndWait(client);
  ({ privateKey } = enabled);
  prefix = generationPrefix('acme', generationId);
  manifest = await readGeneration(bucket, 'acme', generationId);
});

const headers = () => ({ 'api-key': 'acme-demo-secret', 'x-private-key': privateKey });
const get = (path: string) => readDownload(`${services.url}/dataexport/${path}`, headers());

function objectOf(file: string, format: PeriodicFormat): ManifestPart {
  const found = manifest.files.find((known) => known.name === file && known.format === format)?.parts[0];
  if (!found) throw new Error(`there is no ${file}`);
  return found;
}

/** Changes to a stored object by an attacker with write access to the bucket, or by a failing disk. */
const DAMAGES: readonly (readonly [
  string,
  (stored: Buffer, content: Buffer) => Promise<Buffer> | Buffer | undefined,
])[] = [
  ['cut by a byte', (stored) => stored.subarray(0, -1)],
  ['cut between two blocks', (stored) => stored.subarray(0, -(stored.length % SEALED_CHUNK_BYTES) || -1)],
  ['cut to half', (stored) => stored.subarray(0, stored.length / 2)],
  ['empty', () => Buffer.alloc(0)],
  ['altered in its header', (stored) => altered(stored, 40)],
  ['altered in its middle', (stored) => altered(stored, Math.floor(stored.length / 2))],
  ['altered in its last byte', (stored) => altered(stored, stored.length - 1)],
  ['another file for the same key, of the same length', (_, content) => sealed(altered(content, content.length - 8))],
  ['another file for the same key, shorter', (_, content) => sealed(content.subarray(0, content.length / 2))],
  ['gone', () => undefined],
];

function altered(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

const sealed = (content: Buffer) => collect(seal(pieces(content, [65_536]), manifest.recipients));

const QUERIES: Readonly<Record<PeriodicFormat, string>> = {
  csv: 'fileType=csv',
  json: 'fileType=json',
  'typed-json': 'fileType=json&parseJsonDataTypes=true',
};

/** Damages the object, does the work and restores the object. */
async function whileDamaged(
  file: string,
  format: PeriodicFormat,
  damage: (typeof DAMAGES)[number][1],
  work: () => Promise<void>,
): Promise<void> {
  const key = prefix + objectOf(file, format).name;
  const stored = Buffer.from((await bucket.get(key)) ?? '');
  const content = await client.download(`file=${file}&${QUERIES[format]}`, privateKey);
  const instead = await damage(stored, content);
  try {
    if (instead) await bucket.put(key, instead, 'application/octet-stream');
    else await bucket.remove([key]);
    await work();
  } finally {
    await bucket.put(key, stored, 'application/octet-stream');
  }
}

/** Checks that the response cannot pass for the whole file: it is an error, or incomplete by the rules of HTTP. */
async function expectIncomplete(path: string): Promise<Buffer> {
  const answer = await get(path);
  if (answer.status === 200) expect([path, answer.complete]).toEqual([path, false]);
  else {
    expect([path, answer.status]).toEqual([path, 500]);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'object_damaged' });
  }
  return answer.body;
}

describe.each(FILES)('%s, when its stored object is', (file) => {
  it.each(DAMAGES)('%s, is never served as complete, as CSV', async (_, damage) => {
    await whileDamaged(file, 'csv', damage, async () => {
      await expectIncomplete(`download?file=${file}&fileType=csv`);
      await expectIncomplete(`download?file=${file}&fileType=csv&sealed=true`);
      const archive = await expectIncomplete('downloadAll?fileType=csv');
      expect(await unzipTests(archive)).not.toBe(true);
      await expectIncomplete('downloadAll?fileType=csv&sealed=true');
    });
    expect((await get('downloadAll?fileType=csv')).complete).toBe(true);
  });

  it.each(DAMAGES)('%s, is never served as complete, as JSON, typed or not', async (_, damage) => {
    await whileDamaged(file, 'json', damage, async () => {
      await expectIncomplete(`download?file=${file}&fileType=json`);
    });
    await whileDamaged(file, 'typed-json', damage, async () => {
      const typed = await expectIncomplete(`download?file=${file}&fileType=json&parseJsonDataTypes=true`);
      // A client may take the end of the connection for the end of the file.
      expect(Array.isArray(parsed(typed))).toBe(false);
      const archive = await expectIncomplete('downloadAll?fileType=json&parseJsonDataTypes=true');
      expect(await unzipTests(archive)).not.toBe(true);
    });
    expect((await get(`download?file=${file}&fileType=json&parseJsonDataTypes=true`)).complete).toBe(true);
  });
});

describe.each(FILES)('%s, when something was appended to its stored object', (file) => {
  it('is served unchanged or not at all', async () => {
    const paths = [`download?file=${file}&fileType=csv`, `download?file=${file}&fileType=csv&sealed=true`];
    const before = await Promise.all(paths.map(get));
    const longer = (stored: Buffer) => Buffer.concat([stored, Buffer.alloc(1)]);
    await whileDamaged(file, 'csv', longer, async () => {
      for (const [index, path] of paths.entries()) {
        const answer = await get(path);
        if (answer.status !== 200 || !answer.complete) continue;
        expect([path, answer.body.equals(before[index]?.body ?? Buffer.alloc(0))]).toEqual([path, true]);
      }
    });
  });
});

function parsed(json: Buffer): unknown {
  try {
    return JSON.parse(json.toString());
  } catch {
    return undefined;
  }
}

describe('the manifest, when it is', () => {
  const swapped = () => {
    const [first, second] = manifest.files.filter(({ format }) => format === 'csv');
    if (!first || !second) throw new Error('two files are wanted');
    return {
      ...manifest,
      files: [
        { ...first, parts: second.parts },
        { ...second, parts: first.parts },
      ],
    };
  };

  it.each([
    ['altered', () => Buffer.from(`${JSON.stringify(swapped(), null, 2)}\n`)],
    ['not JSON', () => Buffer.from('{')],
    ['empty', () => Buffer.alloc(0)],
  ])('%s, never makes the API serve another file', async (_, make) => {
    const key = manifestKey(prefix);
    const stored = (await bucket.get(key)) ?? new Uint8Array();
    const before = await get('download?file=short&fileType=csv');
    try {
      await bucket.put(key, make(), 'application/json');
      const answer = await get('download?file=short&fileType=csv');
      if (answer.status === 200) expect(answer.body.equals(before.body)).toBe(true);
      else expect(answer.status).toBe(500);
    } finally {
      await bucket.put(key, stored, 'application/json');
    }
    expect((await get('download?file=short&fileType=csv')).status).toBe(200);
  });
});
