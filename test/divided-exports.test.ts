import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Manifest } from '../contracts/manifest.ts';
import { generateKey } from '../streams/age/keys.ts';
import { waybill } from './cli-run.ts';
import { useStack } from './context.ts';
import { ALWAYS, createOnDemandClient } from './on-demand-client.ts';
import { readWithDuckDb } from './read-back.ts';

const stack = useStack();
const client = createOnDemandClient(stack.urls.api, 'dreambuilder');

/** About a thousand rows. */
const ORDER = { exportType: 'FLIGHTS', startDate: '2001-01-01T08:00Z', endDate: '2001-01-01T10:00Z' };
const ROWS_PER_FILE = 200;

interface FileList {
  readonly items: readonly {
    readonly name: string;
    readonly rows: number;
    readonly bytes: number;
    readonly sha256: string;
    readonly slice: { readonly from: string | null; readonly to: string | null };
    readonly downloadUrl: string;
  }[];
}

async function makeExport(body: Readonly<Record<string, unknown>>): Promise<{ id: string; manifest: Manifest }> {
  const id = await client.order({ ...ORDER, ...body });
  expect(await client.ended(id)).toMatchObject({ state: 'completed', failure: null });
  return { id, manifest: await client.manifest(id) };
}

async function listFiles(id: string): Promise<FileList['items']> {
  return ((await (await client.request('GET', `/exports/${id}/files`)).json()) as FileList).items;
}

async function fileOf(id: string, name: string, headers: Record<string, string> = {}): Promise<Buffer> {
  const answer = await client.request('GET', `/exports/${id}/files/${name}`, { headers });
  expect(answer.ok).toBe(true);
  return Buffer.from(await answer.arrayBuffer());
}

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-divided-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const environment = {
  WAYBILL_URL: stack.urls.api,
  WAYBILL_CLIENT_ID: 'dreambuilder',
  WAYBILL_CLIENT_SECRET: 'dreambuilder-demo-secret',
};

const sorted = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).sort();

describe('an export of several files', () => {
  let id: string;
  let manifest: Manifest;
  let whole: readonly string[];

  beforeAll(async () => {
    ({ id, manifest } = await makeExport({ format: 'CSV', rowsPerFile: ROWS_PER_FILE }));
    const one = await makeExport({ format: 'CSV' });
    expect(one.manifest.files).toHaveLength(1);
    whole = sorted(await readWithDuckDb(await client.file(one.id), 'csv'));
  });

  it('has files that are complete in themselves, and together all rows once', async () => {
    expect(manifest.files.length).toBeGreaterThan(2);
    expect(manifest.files.map(({ file }) => file).slice(0, 2)).toEqual(['flights-0001.csv', 'flights-0002.csv']);
    const rows: unknown[] = [];
    for (const file of await listFiles(id)) {
      expect(file.rows).toBeLessThanOrEqual(ROWS_PER_FILE);
      const bytes = await fileOf(id, file.name);
      expect(bytes.length).toBe(file.bytes);
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(file.sha256);
      const read = await readWithDuckDb(bytes, 'csv');
      expect(read).toHaveLength(file.rows);
      rows.push(...read);
    }
    expect(sorted(rows)).toEqual(whole);
    expect(rows).toHaveLength(manifest.rows);
  });

  it('says so in its view, and which rows each file has', async () => {
    const view = await client.show(id);
    expect(view).toMatchObject({
      rowsPerFile: ROWS_PER_FILE,
      manifest: { files: manifest.files.length, file: 'flights.zip' },
    });
    const slices = (await listFiles(id)).map(({ slice }) => slice);
    expect([slices[0]?.from, slices.at(-1)?.to]).toEqual([null, null]);
    expect(slices.slice(1).map(({ from }) => from)).toEqual(slices.slice(0, -1).map(({ to }) => to));
  });

  it('is downloaded as one zip', async () => {
    const path = join(scratch(), 'flights.zip');
    writeFileSync(path, await client.file(id));
    const names = execFileSync('unzip', ['-Z1', path], { encoding: 'utf8' }).trim().split('\n');
    expect(names).toEqual(manifest.files.map(({ file }) => file));
    const first = execFileSync('unzip', ['-p', path, names[0] ?? '']);
    expect(first.equals(await fileOf(id, names[0] ?? ''))).toBe(true);
  });

  it('gives each file a link, ranges and an entity tag of its own', async () => {
    const [first, second] = await listFiles(id);
    const byLink = await fetch(first?.downloadUrl ?? '', { headers: { range: 'bytes=10-19' } });
    expect([byLink.status, byLink.headers.get('content-range')]).toEqual([206, `bytes 10-19/${first?.bytes}`]);
    const tags = await Promise.all(
      [first, second].map(async (file) =>
        (await client.request('HEAD', `/exports/${id}/files/${file?.name}`)).headers.get('etag'),
      ),
    );
    expect(new Set(tags).size).toBe(2);
    const forged = (first?.downloadUrl ?? '').replace(/signature=.*/, `signature=${'A'.repeat(43)}`);
    expect((await fetch(forged)).status).toBe(403);
  });

  it.each(['flights.csv', 'flights-9999.csv', '..%2fmanifest.json', 'flights-0001.csv%00'])(
    'has no file %s',
    async (name) => {
      const answer = await client.request('GET', `/exports/${id}/files/${name}`);
      expect(answer.status).toBe(404);
    },
  );

  it('is not there for another tenant', async () => {
    const other = createOnDemandClient(stack.urls.api, 'acme');
    for (const path of ['files', 'files/flights-0001.csv']) {
      expect((await other.request('GET', `/exports/${id}/${path}`)).status).toBe(404);
    }
  });

  it('is another export than one of one file, and than one with another limit', async () => {
    const ids = await Promise.all(
      [{}, { rowsPerFile: 70 }, { rowsPerFile: 80 }, { files: 'auto' }, { files: 'one' }].map((more) =>
        client.order({ ...ORDER, format: 'JSONL', columns: ['origin'], ...more }),
      ),
    );
    await Promise.all(ids.map((one) => client.ended(one)));
    const [whole, ...divided] = ids;
    expect(new Set(divided.slice(0, 3)).has(whole ?? '')).toBe(false);
    expect(new Set(divided.slice(0, 3)).size).toBe(3);
  });
});

describe('a sealed export of several files', () => {
  it('is downloaded by the command line, opened, and verified, and the server can open its zip', async () => {
    const { identity, recipient } = await generateKey({ postQuantum: false });
    const order = { format: 'JSONL', compression: 'zstd', rowsPerFile: ROWS_PER_FILE };
    const { id, manifest } = await makeExport({ ...order, recipients: [recipient] });
    const directory = scratch();
    const key = join(directory, 'key.txt');
    writeFileSync(key, `${identity}\n`);

    const download = ['exports', 'download', id, '-o', directory, '--key-file', key, '--save-manifest', '--json'];
    const { code, output } = await waybill(download, environment);
    expect(code).toBe(0);
    const names = manifest.files.map(({ file }) => file.replace('.age', ''));
    expect(JSON.parse(output)).toMatchObject({ file: directory, files: names, rows: manifest.rows });
    expect(readdirSync(directory).sort()).toEqual(
      ['key.txt', 'flights.manifest.dsse.json', 'flights.manifest.json', ...names].sort(),
    );
    const lines = names.flatMap((name) =>
      zstdDecompressSync(readFileSync(join(directory, name)))
        .toString()
        .trim()
        .split('\n'),
    );
    expect(lines).toHaveLength(manifest.rows);

    const sealed = scratch();
    expect((await waybill(['exports', 'download', id, '-o', sealed, '--save-manifest'], environment)).code).toBe(0);
    const verified = await waybill(['verify', sealed, '--key-file', key], environment);
    expect(verified).toMatchObject({
      code: 0,
      output: expect.stringContaining(`${manifest.rows.toLocaleString('en')} rows counted`),
    });
    rmSync(join(sealed, manifest.files[1]?.file ?? ''));
    expect((await waybill(['verify', sealed], environment)).code).toBe(1);

    const path = join(sealed, 'all.zip');
    writeFileSync(path, await client.file(id, { 'x-private-key': identity }));
    const first = execFileSync('unzip', ['-p', path, names[0] ?? '']);
    expect(first.equals(readFileSync(join(directory, names[0] ?? '')))).toBe(true);
    const wrong = await generateKey({ postQuantum: false });
    const refused = await client.request('GET', `/exports/${id}/file`, {
      headers: { 'x-private-key': wrong.identity },
    });
    expect(refused.status).toBe(403);
  });

  it('is resumed where the download was stopped, and appears whole', async () => {
    const { id, manifest } = await makeExport({ format: 'CSV', rowsPerFile: 100 });
    const directory = scratch();
    const stop = new AbortController();
    const download = ['exports', 'download', id, '-o', directory, '--parallel', '1'];
    // Stopped once the first file is there: it has its name in a hidden directory only.
    const stopped = waybill(download, environment, stop);
    const staging = join(directory, `.waybill-${manifest.runId}`);
    await expect.poll(() => count(staging), { interval: 1 }).toBeGreaterThan(0);
    stop.abort();
    const { code, errors } = await stopped;
    // It may have been quicker.
    if (code !== 0) {
      expect(errors).toContain('The same command resumes');
      expect(readdirSync(directory)).toEqual([`.waybill-${manifest.runId}`]);
      expect((await waybill(download, environment)).code).toBe(0);
    }
    expect(readdirSync(directory)).toEqual(manifest.files.map(({ file }) => file));
    expect((await waybill(download, environment)).errors).toContain('already exists');
  });
});

function count(directory: string): number {
  try {
    return readdirSync(directory).length;
  } catch {
    return 0;
  }
}

describe('formats of which one file has one part', () => {
  it.each(['PARQUET', 'XLSX', 'SAV', 'ZSAV', 'DTA'])('can be divided: %s', async (format) => {
    const { manifest } = await makeExport({ format, rowsPerFile: 300 });
    expect(manifest.files.length).toBeGreaterThan(1);
    expect(manifest.files.every(({ rows, parts }) => rows <= 300 && parts.length === 1)).toBe(true);
    expect(manifest.files.reduce((sum, { rows }) => sum + rows, 0)).toBe(manifest.rows);
  });
});

describe('what cannot be', () => {
  it.each([
    [{ rowsPerFile: 0 }, 'rowsPerFile'],
    [{ rowsPerFile: 1.5 }, 'rowsPerFile'],
    [{ rowsPerFile: 'many' }, 'rowsPerFile'],
    [{ files: 'many' }, 'files'],
    [{ files: 'auto', rowsPerFile: 5 }, 'files'],
  ])('is refused: %j', async (more, field) => {
    const answer = await client.request('POST', '/exports', { body: { ...ORDER, format: 'CSV', ...more } });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ errors: [{ field }] });
  });

  it('fails with a sentence if it would be too many files', async () => {
    const flights = { ...ALWAYS, exportType: 'FLIGHTS', format: 'CSV', rowsPerFile: 10, columns: ['origin'] };
    const view = await client.ended(await client.order(flights));
    expect(view).toMatchObject({ state: 'failed', failure: { code: 'too_many_files' } });
    expect(view.failure?.message).toMatch(/Order [\d,]+ rows per file/);
  });
});
