import { chmod, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from './command.ts';
import { download, downloadText } from './download.ts';
import { goPlatform } from './platform.ts';
import type { Recipe } from './program.ts';

/**
 * An official release, checked against the SHA-256 that its publisher lists beside it. The digests are not pinned here
 * because they could not be verified where this was written: no release host could be reached.
 *
 * @param asset the file's URL and that of the list that holds its digest
 * @param executable what the archive holds, or what a bare executable is renamed to
 */
export function releaseRecipe(options: {
  readonly version: string;
  readonly executable: string;
  readonly asset: (platform: { readonly os: string; readonly arch: string }) => {
    readonly url: string;
    readonly checksumsUrl: string;
  };
}): Recipe {
  return {
    version: options.version,
    title: `official release ${options.version}`,
    async fetch({ directory, environment, signal }) {
      const { url, checksumsUrl } = options.asset(goPlatform());
      const name = url.slice(url.lastIndexOf('/') + 1);
      const sha256 = digestOf(name, await downloadText(checksumsUrl, signal));
      const file = join(directory, name);
      await download(url, file, sha256, signal);
      const executable = join(directory, options.executable);
      if (name.endsWith('.tar.gz')) {
        await runCommand('tar', ['-xzf', file, '-C', directory, options.executable], { environment, signal });
        await rm(file);
      } else {
        await rename(file, executable);
      }
      await chmod(executable, 0o755);
    },
  };
}

/** Finds a file's digest in a list of `sha256sum`'s lines. @throws Error when it is not there */
export function digestOf(name: string, checksums: string): string {
  for (const line of checksums.split('\n')) {
    const [digest, file] = line.trim().split(/\s+\*?/);
    if (file === name && digest && /^[0-9a-f]{64}$/.test(digest)) return digest;
  }
  throw new Error(`the release lists no SHA-256 of ${name}`);
}
