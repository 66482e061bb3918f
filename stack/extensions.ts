import { randomUUID } from 'node:crypto';
import { access, mkdir, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheDirectory, type Fetchable, fetchIntoCache, findCached } from './fetch.ts';
import type { Environment } from './process.ts';
import { wheelRecipe } from './recipes.ts';

/** Version of `@duckdb/node-api`: DuckDB loads only extensions of its own version. */
const VERSION = '1.5.5';
/** This machine, by DuckDB's names. */
const PLATFORM = `${process.platform === 'darwin' ? 'osx' : process.platform}_${process.arch === 'x64' ? 'amd64' : process.arch}`;

/** Official extensions, signed by DuckDB's makers: `httpfs` for the services, the others for tests. */
export const EXTENSIONS = {
  httpfs: extension('httpfs', [
    '84913dbe172ccb54368de2c4a020c38ca8b0e76f99df548f7fac37934cc7826f',
    '567d17e398fc29f7ea4bc42ea277ea19643bd1ad1815f676cb6dd994b50399bb',
    'a6d9b245ac83834543354e826020b35b8dba16291bb876b2b00bd49f2c6aeb9d',
    '5dc6e48e7a6d4c775d88fcd9b6529b385559600c0cd17a2600addfdd34ae3060',
  ]),
  postgres_scanner: extension('postgres_scanner', [
    'fea9413d1b5bded7ead650aff91b3d7578c5149d832f666100b362f64404bf18',
    '5b50d53ecb192fca381c79ebd70da43b98fefe28a5781162081777f65efc8268',
    '053b9ee8abf30f1880a244c9396323273ec99cf4d72a658e702cf536848b7e5c',
    '797acdb64f10280303b66fb56c3537d3a7c82eab7cf6dfb4c71307c81c3e7b0d',
  ]),
  tpch: extension('tpch', [
    'e734f284fd94971f1241718281111add95457b3c35ec3f19ce39770e654a21e7',
    '8611e49c4c9470c1d6b2abab9bcbf7f1d26eabce21deb70ee9103ae3f6d3bc4b',
    '69e79ab6ceb4b33b2589423e2a05ae056f6a9ce00e2ea636b61975d3e4fd0657',
    'ad718c5da1f354dad835f466c550c7c84827b4522d5d7ff108c80c9c7ef21d69',
  ]),
} as const;

export type ExtensionName = keyof typeof EXTENSIONS;
export const EXTENSION_NAMES = Object.keys(EXTENSIONS) as readonly ExtensionName[];

interface FetchOptions {
  readonly environment: Environment;
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
}

/** @param sha256 of the wheels for Linux x86_64 and arm64, macOS arm64 and x86_64 */
function extension(name: string, sha256: readonly string[]): Fetchable {
  const executable = `${name}.duckdb_extension`;
  return {
    executable,
    recipes: [
      wheelRecipe({
        package: `duckdb-extension-${name.replaceAll('_', '-')}`,
        version: VERSION,
        member: `*/extensions/v${VERSION}/${executable}`,
        sha256,
      }),
    ],
  };
}

/** DuckDB's `extension_directory`: the setting of the services, or one in the cache. */
export function extensionDirectory(environment: Environment): string {
  return environment.WAYBILL_WAREHOUSE_EXTENSION_DIRECTORY || join(cacheDirectory(environment), 'duckdb-extensions');
}

/** @returns the path at which DuckDB finds the extension, or `undefined` if it is not there */
export async function findExtension(name: ExtensionName, environment: Environment): Promise<string | undefined> {
  const path = pathOf(name, environment);
  return access(path).then(
    () => path,
    () => undefined,
  );
}

/**
 * Finds or fetches an extension, and links it to where DuckDB looks for it.
 *
 * @returns its path below {@link extensionDirectory}
 * @throws Error with what was tried
 */
export async function getExtension(name: ExtensionName, options: FetchOptions): Promise<string> {
  const { environment } = options;
  const found = await findExtension(name, environment);
  if (found) return found;
  const cache = cacheDirectory(environment);
  const file =
    (await findCached(EXTENSIONS[name], cache)) ?? (await fetchIntoCache(EXTENSIONS[name], { ...options, cache }));
  const path = pathOf(name, environment);
  await mkdir(dirname(path), { recursive: true });
  // The rename replaces a dangling link, and lets two processes do this at once.
  const fresh = `${path}.${randomUUID()}`;
  try {
    await symlink(file, fresh);
    await rename(fresh, path);
  } finally {
    await rm(fresh, { force: true });
  }
  return path;
}

/**
 * Provides `httpfs`, whose OpenSSL encrypts what DuckDB spills. Without it DuckDB's own cipher does, so a failure is only
 * reported.
 *
 * @returns the setting by which the services find it
 */
export async function prepareExtensions(options: FetchOptions) {
  try {
    // The start must not wait long for an index that cannot be reached.
    const environment = { PIP_RETRIES: '0', PIP_DEFAULT_TIMEOUT: '10', ...options.environment };
    await getExtension('httpfs', { ...options, environment });
  } catch {
    options.signal.throwIfAborted();
    options.report('starting without httpfs: what DuckDB spills to disk is encrypted by its own, slower cipher');
  }
  return { WAYBILL_WAREHOUSE_EXTENSION_DIRECTORY: extensionDirectory(options.environment) };
}

function pathOf(name: ExtensionName, environment: Environment): string {
  return join(extensionDirectory(environment), `v${VERSION}`, PLATFORM, EXTENSIONS[name].executable);
}
