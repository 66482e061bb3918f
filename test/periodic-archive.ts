import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { fromBufferPromise } from 'yauzl';
import { getProgram } from '../stack/find.ts';
import { useStack } from './context.ts';

const run = promisify(execFile);

/** Reads a zip by its central directory. @returns each entry's content, in order. @throws Error for a damaged one */
export async function readZip(archive: Buffer): Promise<ReadonlyMap<string, Buffer>> {
  const entries = new Map<string, Buffer>();
  const zip = await fromBufferPromise(archive, { lazyEntries: true });
  for await (const entry of zip.eachEntry()) {
    if (entries.has(entry.fileName)) throw new Error(`two entries are called ${entry.fileName}`);
    entries.set(entry.fileName, await buffer(await zip.openReadStreamPromise(entry)));
  }
  return entries;
}

/** Files in a directory that is there while the work goes on. */
async function withFiles<Result>(
  files: Readonly<Record<string, Uint8Array | string>>,
  work: (path: (name: string) => string) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'waybill-archive-'));
  try {
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
    return await work((name) => join(folder, name));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Opens an age file with the `age` command. @throws Error when it does not open */
export async function openWithAge(sealed: Uint8Array, identity: string): Promise<Buffer> {
  const { environment } = useStack();
  const signal = new AbortController().signal;
  const age = await getProgram('age', { environment, report: () => undefined, signal });
  return withFiles({ key: `${identity}\n`, 'sealed.age': sealed }, async (path) => {
    await run(age.path, ['--decrypt', '--identity', path('key'), '--output', path('opened'), path('sealed.age')]);
    return readFile(path('opened'));
  });
}

/** Whether the `unzip` command finds nothing wrong with an archive; `undefined` where there is no such command. */
export function unzipTests(archive: Uint8Array): Promise<boolean | undefined> {
  return withFiles({ 'archive.zip': archive }, async (path) => {
    try {
      await run('unzip', ['-t', path('archive.zip')]);
      return true;
    } catch (error) {
      return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? undefined : false;
    }
  });
}
