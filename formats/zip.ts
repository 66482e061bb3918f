import { Readable } from 'node:stream';
import { ZipFile } from 'yazl';
import { interruptible } from '../stores/objects/interruptible.ts';
import { UtcDate } from './utc-date.ts';
import { createZipOutlet } from './zip-outlet.ts';

export interface ZipEntry {
  readonly name: string;
  /** Kept to the second. */
  readonly modifiedAt: Date;
  /** A count of content bytes at the most; decides whether the entry needs zip64. */
  readonly bytesMax: number;
  /** Opened when its turn comes. A chunk needs to be valid only until the next one is asked for. */
  readonly open: () => AsyncIterable<Uint8Array>;
}

/**
 * Of 1 to 9. CSV of the benchmark's table, one core: level 1 takes in 106 MB/s and makes a 2.65th of it, level 6 takes in
 * 44 MB/s and makes a 2.88th. Deflating is what a download waits for, so 8 percent more bytes are the better bargain.
 */
const LEVEL = 1;

/** Bytes of content that are read ahead of the compressor, at the most, beside the chunk in work. */
const AHEAD_BYTES = 1024 * 1024;

/** Sizes from here on do not fit a plain entry (APPNOTE.TXT, section 4.4.8). */
const PLAIN_BYTES_END = 0xffffffff;

/**
 * Makes a zip archive as its entries stream in, one after the other, each deflated, in bounded memory. The archive is
 * whole only when the iteration ends without error: an error of an entry comes out here. Whether the iteration ends, is
 * ended early or is aborted, the open entry is closed before this returns.
 *
 * Specification: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
export async function* zip(entries: readonly ZipEntry[], signal: AbortSignal): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  const archive = new ZipFile();
  const outlet = createZipOutlet(archive);
  const onAbort = () => outlet.fail(signal.reason);
  signal.addEventListener('abort', onAbort);
  try {
    for (const entry of entries) {
      const options = {
        mtime: new UtcDate(entry.modifiedAt),
        compressionLevel: LEVEL,
        forceZip64Format: needsZip64(entry.bytesMax),
      };
      archive.addReadStreamLazy(entry.name, options, (give) => {
        if (outlet.failed) give(new Error('The archive was given up.'), Readable.from([]));
        else give(null, Readable.from(contentOf(entry), { objectMode: false, highWaterMark: AHEAD_BYTES }));
      });
    }
    archive.end();
    for (let bytes = await outlet.take(); bytes; bytes = await outlet.take()) yield bytes;
  } finally {
    signal.removeEventListener('abort', onAbort);
    outlet.fail(new Error('The archive was not read to its end.'));
    archive.end();
    await outlet.closed;
  }

  /** yazl never learns of errors: its streams could not be ended then. The entry ends early, and so does the archive. */
  async function* contentOf(entry: ZipEntry): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of interruptible(entry.open(), signal)) {
        if (outlet.failed) return;
        // The chain of streams holds on to what it was given; the source may reuse it.
        yield Buffer.from(chunk);
        if (outlet.failed) return;
      }
    } catch (error) {
      outlet.fail(error);
    }
  }
}

/** Content that cannot be compressed grows by 5 bytes in every block, which deflate ends after 16 KB at the soonest. */
function needsZip64(bytesMax: number): boolean {
  return bytesMax + 5 * Math.ceil(bytesMax / 16_000) + 1024 >= PLAIN_BYTES_END;
}
