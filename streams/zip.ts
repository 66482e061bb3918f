import { constants, deflateRaw, type ZlibOptions } from 'node:zlib';
import { configure, ZipWriter } from '@zip.js/zip.js';
import { compressBlock, free, parallelBlocks } from './blocks.ts';
import { createHandoff, interruptible } from './handoff.ts';

export interface ZipEntry {
  readonly name: string;
  /** Kept to the second. */
  readonly modifiedAt: Date;
  /** A count of content bytes at the most; decides whether the entry needs zip64. */
  readonly bytesMax: number;
  /** Opened when its turn comes. A chunk needs to be valid only until the next one is asked for. */
  readonly open: () => AsyncIterable<Uint8Array>;
}

/** Flat: no entry can leave the folder that it is unpacked into. */
const NAME = /^[^/\\:\0]+$/;

/** Sizes from here on do not fit a plain entry (APPNOTE.TXT, section 4.4.8). */
const PLAIN_BYTES_END = 0xffffffff;

/** Bytes of content that go from one stream to the next at once; each of the few streams may hold so many. */
const PIECE_BYTES = 256 * 1024;

/**
 * The package shares so many places among all archives of the process: with as few as a machine has cores, readers who
 * stand still would hold up everybody else's download.
 */
const ARCHIVES_MAX = 1_000_000;

/**
 * Of 1 to 9. CSV of the benchmark's table, one core: level 1 takes in 106 MB/s and makes a 2.65th of it, level 6 takes in
 * 44 MB/s and makes a 2.88th. Deflating is what a download waits for, so 8 percent more bytes are the better bargain.
 */
const LEVEL = 1;

/** Bytes of content in each block but the last. Against one long run, blocks of this size cost a thousandth in size. */
const BLOCK_BYTES = 512 * 1024;

/** Bytes that the compressor hands out at once: all of a block, in one turn on the thread pool. */
const OUTPUT_BYTES = BLOCK_BYTES + 4096;

/**
 * Deflates (RFC 1951) several blocks at once on the thread pool, in order and in bounded memory, as a codec of zip.js.
 * Every block but the last ends with an empty stored one, on a byte (section 3.2.4), so that the blocks can simply follow
 * one another.
 *
 * It is the end of what is written: the memory of a chunk that has it to itself is given back.
 */
class DeflateStream extends TransformStream<Uint8Array, Uint8Array> {
  static readonly supportedFormats = ['deflate-raw'];

  constructor() {
    const blocks = parallelBlocks({
      blockBytes: BLOCK_BYTES,
      endsEmpty: true,
      work(block, last) {
        const finishFlush = last ? constants.Z_FINISH : constants.Z_SYNC_FLUSH;
        return compressBlock<ZlibOptions>(deflateRaw, block, { level: LEVEL, finishFlush, chunkSize: OUTPUT_BYTES });
      },
    });
    super({
      async transform(chunk, controller) {
        for await (const output of blocks.write(chunk)) controller.enqueue(output);
        free(chunk);
      },
      async flush(controller) {
        for await (const output of blocks.end()) controller.enqueue(output);
      },
    });
  }
}

// The package keeps this for the whole process; nothing else here uses it.
configure({
  useWebWorkers: false,
  maxWorkers: ARCHIVES_MAX,
  useCompressionStream: false,
  CompressionStreamFallback: DeflateStream,
});

/**
 * Makes a zip archive as its entries stream in, one after the other, each deflated, in bounded memory. The archive is
 * whole only when the iteration ends without error: an error of an entry comes out here. Whether the iteration ends, is
 * ended early or is aborted, the open entry is closed before this returns. A yielded chunk is valid only until the next
 * one is asked for.
 *
 * Specification: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
export async function* zip(entries: readonly ZipEntry[], signal: AbortSignal): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  for (const { name } of entries)
    if (!NAME.test(name)) throw new RangeError('This is no name for an entry of an archive.');
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const outlet = createHandoff<Uint8Array>();
  const onAbort = () => outlet.close(either.reason);
  either.addEventListener('abort', onAbort);

  async function writeArchive(): Promise<void> {
    const archive = new ZipWriter(new WritableStream<Uint8Array>({ write: (chunk) => outlet.give(chunk) }), {
      level: LEVEL,
      signal: either,
    });
    for (const entry of entries) await writeEntry(archive, entry, either);
    await archive.close();
  }
  const writing = writeArchive().then(
    () => outlet.close(),
    (error: unknown) => outlet.close(either.aborted ? either.reason : error),
  );
  try {
    for (let chunk = await outlet.take(); chunk; chunk = await outlet.take()) yield chunk;
  } finally {
    stop.abort(new Error('The archive was not read to its end.'));
    await writing;
    either.removeEventListener('abort', onAbort);
  }
}

/** @throws the error of the entry's source, where that failed */
async function writeEntry(archive: ZipWriter<unknown>, entry: ZipEntry, signal: AbortSignal): Promise<void> {
  const source = piecesOf(interruptible(entry.open(), signal));
  let failure: { readonly error: unknown } | undefined;
  const content = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next = await source.next();
          if (next.done) controller.close();
          else controller.enqueue(next.value);
        } catch (error) {
          failure = { error };
          controller.error(error);
        }
      },
    },
    { highWaterMark: 0 },
  );
  try {
    await archive.add(entry.name, content, {
      lastModDate: entry.modifiedAt,
      rawLastModDate: dosTime(entry.modifiedAt),
      zip64: needsZip64(entry.bytesMax),
    });
  } catch (error) {
    throw failure ? failure.error : error;
  } finally {
    await source.return(undefined);
  }
}

/** Copies, because the chain of streams holds on to what it is given, and the source may reuse it. */
async function* piecesOf(source: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) yield new Uint8Array(chunk.subarray(at, at + PIECE_BYTES));
  }
}

/** In UTC, so that the archive depends on no machine's time zone (APPNOTE.TXT, section 4.4.6). */
function dosTime(date: Date): number {
  const years = Math.min(Math.max(date.getUTCFullYear() - 1980, 0), 127);
  const day = (years << 9) | ((date.getUTCMonth() + 1) << 5) | date.getUTCDate();
  const time = (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >> 1);
  return day * 2 ** 16 + time;
}

/** Content that cannot be compressed grows by 5 bytes in every block, which deflate ends after 16 KB at the soonest. */
function needsZip64(bytesMax: number): boolean {
  return bytesMax + 5 * Math.ceil(bytesMax / 16_000) + 1024 >= PLAIN_BYTES_END;
}
