import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { execa } from 'execa';
import { fromBufferPromise } from 'yauzl';
import type { Environment } from '../stack/process.ts';
import { useStack } from './context.ts';
import { programPath } from './programs.ts';

/** Reads a zip by its central directory. @returns each entry's content, in order. @throws Error if the zip is damaged */
export async function readZip(archive: Buffer): Promise<ReadonlyMap<string, Buffer>> {
  const entries = new Map<string, Buffer>();
  const zip = await fromBufferPromise(archive, { lazyEntries: true });
  for await (const entry of zip.eachEntry()) {
    if (entries.has(entry.fileName)) throw new Error(`two entries are called ${entry.fileName}`);
    entries.set(entry.fileName, await buffer(await zip.openReadStreamPromise(entry)));
  }
  return entries;
}

/** Decrypts an age file with the `age` command. @throws Error if that fails */
export async function openWithAge(
  sealed: Uint8Array,
  identity: string,
  environment: Environment = useStack().environment,
): Promise<Buffer> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'waybill-age-'));
  const key = join(folder.path, 'key');
  await writeFile(key, `${identity}\n`);
  const age = await programPath('age', environment);
  const options = { input: sealed, encoding: 'buffer', stripFinalNewline: false } as const;
  const { stdout } = await execa(age, ['--decrypt', '--identity', key], options);
  return Buffer.from(stdout);
}

/** Tests an archive with the `unzip` command. @returns `undefined` if there is no such command */
export async function unzipTests(archive: Uint8Array): Promise<boolean | undefined> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'waybill-zip-'));
  const path = join(folder.path, 'archive.zip');
  await writeFile(path, archive);
  const { code, exitCode } = await execa('unzip', ['-t', path], { reject: false });
  return code === 'ENOENT' ? undefined : exitCode === 0;
}
