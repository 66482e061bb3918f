import { chmod, mkdir, mkdtemp, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findExtension, getExtension, prepareExtensions } from './extensions.ts';

let root: string;
let cached: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'waybill-extensions-'));
  cached = join(root, 'waybill', 'httpfs.duckdb_extension-1.5.5', 'httpfs.duckdb_extension');
});
afterEach(() => rm(root, { recursive: true }));

const around = () => ({ PATH: root, XDG_CACHE_HOME: root });
const { signal } = new AbortController();

async function fillCache(): Promise<void> {
  await mkdir(dirname(cached), { recursive: true });
  await writeFile(cached, 'an extension');
  await chmod(cached, 0o755);
}

/** Where DuckDB of this version, on this platform, looks for httpfs. */
async function whereDuckDbLooks(directory: string): Promise<string> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const result = await connection.runAndReadAll('SELECT version(), platform FROM pragma_platform()');
  connection.disconnectSync();
  instance.closeSync();
  const [version, platform] = result.getRows()[0] ?? [];
  return join(directory, String(version), String(platform), 'httpfs.duckdb_extension');
}

describe('getExtension', () => {
  it('links what the cache holds to where DuckDB looks, once', async () => {
    await fillCache();
    expect(await findExtension('httpfs', around())).toBeUndefined();
    const options = { environment: around(), report: () => undefined, signal };
    const path = await getExtension('httpfs', options);
    expect(path).toBe(await whereDuckDbLooks(join(root, 'waybill', 'duckdb-extensions')));
    expect(await readFile(path, 'utf8')).toBe('an extension');
    expect(await findExtension('httpfs', around())).toBe(path);
    expect(await getExtension('httpfs', options)).toBe(path);
  });

  it('replaces a link whose target is gone, in the directory that the setting names', async () => {
    await fillCache();
    const directory = join(root, 'own');
    const environment = { ...around(), WAYBILL_WAREHOUSE_EXTENSION_DIRECTORY: directory };
    const path = await whereDuckDbLooks(directory);
    await mkdir(dirname(path), { recursive: true });
    await symlink('/nowhere', path);
    expect(await getExtension('httpfs', { environment, report: () => undefined, signal })).toBe(path);
    expect(await readlink(path)).toBe(cached);
  });

  it('says what it tried where nothing can be fetched', async () => {
    const options = { environment: around(), report: () => undefined, signal };
    await expect(getExtension('httpfs', options)).rejects.toThrow(
      /httpfs\.duckdb_extension could not be fetched:\n.*duckdb-extension-httpfs==1\.5\.5: python3: not installed/,
    );
  });
});

describe('prepareExtensions', () => {
  it('reports one line and lets the stack start where httpfs cannot be fetched', async () => {
    const reported: string[] = [];
    const settings = await prepareExtensions({
      environment: around(),
      report: (line) => reported.push(line),
      signal,
    });
    expect(settings).toEqual({ WAYBILL_WAREHOUSE_EXTENSION_DIRECTORY: join(root, 'waybill', 'duckdb-extensions') });
    expect(reported.filter((line) => line.startsWith('starting without httpfs'))).toHaveLength(1);
  });

  it('does not start what was interrupted', async () => {
    const interrupted = AbortSignal.abort(new Error('Interrupted.'));
    const options = { environment: around(), report: () => undefined, signal: interrupted };
    await expect(prepareExtensions(options)).rejects.toThrow('Interrupted.');
  });
});
