import { crc32 } from 'node:zlib';
import { type Entry, fromBufferPromise } from 'yauzl';
import { collect } from './stream-fixture.ts';

export interface ReadEntry {
  readonly entry: Entry;
  readonly content: Buffer;
}

/** Reads an archive with another library. @throws Error if the archive is incomplete or a checksum is wrong */
export async function readZip(archive: Buffer): Promise<readonly ReadEntry[]> {
  const file = await fromBufferPromise(archive, { lazyEntries: true, autoClose: false });
  const read: ReadEntry[] = [];
  while (read.length < file.entryCount) {
    const entry = await new Promise<Entry>((resolve, reject) => {
      file.once('entry', resolve).once('error', reject);
      file.readEntry();
    });
    const content = await collect(await file.openReadStreamPromise(entry));
    if (crc32(content) !== entry.crc32) throw new Error(`${entry.fileName} has another checksum.`);
    read.push({ entry, content });
  }
  return read;
}
