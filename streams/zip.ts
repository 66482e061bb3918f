import { AsyncLocalStorage } from 'node:async_hooks';
import { configure, ZipWriter } from '@zip.js/zip.js';
import { free, parallelBlocks } from './blocks.ts';
import { createHandoff, interruptible } from './handoff.ts';
import { createLanes, DEFLATE_END, deflateLane, GZIP_HEADER, GzipSum, type Lane } from './lane.ts';

export interface ZipEntry {
  readonly name: string;
  /** Kept to the second. */
  readonly modifiedAt: Date;
  /** Maximum number of content bytes; decides whether the entry needs zip64. */
  readonly bytesMax: number;
  /** Opened when its turn comes. A chunk must stay valid only until the next one is requested. */
  readonly open: () => AsyncIterable<Uint8Array>;
}

/** Flat, so that no entry can escape the folder it is unpacked into. */
const NAME = /^[^/\\:\0]+$/;

/** Strength of encryption. Source: WinZip, AES Encryption Information, section II.C. */
const AES_256 = 3;

/** Larger sizes do not fit a plain entry (APPNOTE.TXT, section 4.4.8). */
const PLAIN_BYTES_END = 0xffffffff;

/** Chunk size between the streams in bytes, also of zip.js itself; each of the few streams may buffer one chunk. */
const PIECE_BYTES = 256 * 1024;

/**
 * zip.js shares this many workers among all archives of the process. With its default, the number of cores, a few stalled
 * readers would block all other downloads.
 */
const ARCHIVES_MAX = 1_000_000;

/**
 * 1 to 9. For CSV of the benchmark's table on one core, level 1 compresses 106 MB/s by a factor of 2.65, level 6 compresses
 * 44 MB/s by 2.88. Deflating limits a download, so speed is worth 8 percent more bytes.
 */
const LEVEL = 1;

/** Bytes of content in each block but the last. Compared with one long run, the output grows by a thousandth. */
const BLOCK_BYTES = 512 * 1024;

/** What the codecs of an archive share. */
interface Shared {
  readonly lanes: Lane;
  /** Of the entry that is being written, bytes that have been taken in. */
  taken: number;
}

/** Of the archive that is being written. zip.js makes the codec of an entry, and passes nothing on to it. */
const sharedByArchive = new AsyncLocalStorage<Shared>();

/**
 * Deflates several blocks at once on the thread pool, in order and in bounded memory, as a codec of zip.js: to gzip (RFC 1952), of which
 * zip.js takes the checksum, which it would compute in JavaScript otherwise; or bare (RFC 1951), for entries that are encrypted.
 *
 * Takes ownership of the chunks: it releases the memory of a chunk that does not share it.
 */
class DeflateStream extends TransformStream<Uint8Array, Uint8Array> {
  constructor(format: string) {
    const shared = sharedByArchive.getStore();
    if (!shared) throw new TypeError('An entry is deflated only within its archive.');
    const blocks = parallelBlocks(BLOCK_BYTES, shared.lanes.compress);
    const sum = format === 'gzip' ? new GzipSum() : undefined;
    // Outputs are copied, because the pipeline keeps chunks, and the compressors use their memory again.
    super({
      start(controller) {
        if (sum) controller.enqueue(new Uint8Array(GZIP_HEADER));
      },
      async transform(chunk, controller) {
        sum?.add(chunk);
        for await (const output of blocks.write(chunk)) controller.enqueue(new Uint8Array(output));
        shared.taken += chunk.length;
        free(chunk);
      },
      async flush(controller) {
        for await (const output of blocks.end()) controller.enqueue(new Uint8Array(output));
        controller.enqueue(new Uint8Array(DEFLATE_END));
        if (sum) controller.enqueue(sum.trailer());
      },
    });
  }
}

// Global to the process; nothing else here uses zip.js.
configure({
  chunkSize: PIECE_BYTES,
  useWebWorkers: false,
  maxWorkers: ARCHIVES_MAX,
  CompressionStream: DeflateStream,
});

/**
 * Streams a zip archive of deflated entries, one after the other, in bounded memory. The archive is complete only if the
 * iteration ends without error; errors of entries are thrown here. However the iteration ends, the open entry is closed
 * before this returns. A yielded chunk is valid only until the next one is requested.
 *
 * @param entries each is asked for when its turn comes
 * @param options.names what names may be. @default without folders, so that no entry can escape where it is unpacked
 * @param options.password of every entry, which AES-256 then encrypts; names and sizes are not. @default none
 *
 * Specification: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
export async function* zip(
  entries: Iterable<ZipEntry> | AsyncIterable<ZipEntry>,
  signal: AbortSignal,
  { names = NAME, password }: { readonly names?: RegExp; readonly password?: string | undefined } = {},
): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const outlet = createHandoff<Uint8Array>();
  const shared = { lanes: createLanes(() => deflateLane(LEVEL)), taken: 0 };
  const onAbort = () => outlet.close(either.reason);
  either.addEventListener('abort', onAbort);

  async function writeArchive(): Promise<void> {
    const archive = new ZipWriter(new WritableStream<Uint8Array>({ write: (chunk) => outlet.give(chunk) }), {
      signal: either,
      ...(password !== undefined && { password, encryptionStrength: AES_256 }),
    });
    for await (const entry of entries) {
      if (!names.test(entry.name)) throw new RangeError('This is not a valid name for an entry of an archive.');
      await writeEntry(archive, entry, shared, either);
    }
    await archive.close();
  }
  const writing = sharedByArchive.run(shared, writeArchive).then(
    () => outlet.close(),
    (error: unknown) => outlet.close(either.aborted ? either.reason : error),
  );
  try {
    for (let chunk = await outlet.take(); chunk; chunk = await outlet.take()) {
      yield chunk;
      // Content of an entry. Its headers, which zip.js keeps, are smaller.
      if (chunk.length === PIECE_BYTES) free(chunk);
    }
  } finally {
    stop.abort(new Error('The archive was not read to the end.'));
    await writing;
    shared.lanes.close();
    either.removeEventListener('abort', onAbort);
  }
}

/** @throws the error of the entry's source, if that failed */
async function writeEntry(
  archive: ZipWriter<unknown>,
  entry: ZipEntry,
  shared: Shared,
  signal: AbortSignal,
): Promise<void> {
  shared.taken = 0;
  const source = piecesOf(interruptible(entry.open(), signal), shared);
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

/**
 * Copies, because the stream pipeline retains chunks and the source may reuse them. zip.js copies once more, into chunks of its own size, so
 * a copy is released once the codec has taken in its last byte, when the next one is made.
 */
async function* piecesOf(source: AsyncGenerator<Uint8Array>, shared: Shared): AsyncGenerator<Uint8Array> {
  const retained = new Set<{ readonly piece: Uint8Array; readonly end: number }>();
  let end = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      for (const oldest of retained) {
        if (oldest.end > shared.taken) break;
        free(oldest.piece);
        retained.delete(oldest);
      }
      const piece = new Uint8Array(chunk.subarray(at, at + PIECE_BYTES));
      end += piece.length;
      retained.add({ piece, end });
      yield piece;
    }
  }
}

/** In UTC, so that the archive does not depend on the machine's time zone (APPNOTE.TXT, section 4.4.6). */
function dosTime(date: Date): number {
  const years = Math.min(Math.max(date.getUTCFullYear() - 1980, 0), 127);
  const day = (years << 9) | ((date.getUTCMonth() + 1) << 5) | date.getUTCDate();
  const time = (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >> 1);
  return day * 2 ** 16 + time;
}

/** Incompressible content grows by 5 bytes per deflate block, and a block has at least 16 KB. */
function needsZip64(bytesMax: number): boolean {
  return bytesMax + 5 * Math.ceil(bytesMax / 16_000) + 1024 >= PLAIN_BYTES_END;
}
