import type { ZipFile } from 'yazl';

/** Bytes that leave at once, or a little more: the compressor hands them out by 16 KiB. */
const BLOCK_BYTES = 256 * 1024;

/** The end of an archive that bytes are taken from. */
export interface ZipOutlet {
  /** Whether what still comes is of no use. */
  readonly failed: boolean;
  /** Resolves when no stream of the archive is open any more; after a failure that takes nobody who takes. */
  readonly closed: Promise<void>;
  /** Gives the archive up: what is still in its streams flows away. Only the first error counts, and none after the end. */
  fail(error: unknown): void;
  /** @returns the next block; `undefined` after the last. @throws the error that the archive failed with */
  take(): Promise<Uint8Array | undefined>;
}

/** To be created before the archive has entries. */
export function createZipOutlet(archive: ZipFile): ZipOutlet {
  const output = archive.outputStream;
  const closed = Promise.withResolvers<void>();
  let ready = Promise.withResolvers<void>();
  let pieces: Buffer[] = [];
  let bytes = 0;
  let ended = false;
  let failure: { readonly error: unknown } | undefined;

  function fail(error: unknown): void {
    if (failure || ended) return;
    failure = { error };
    pieces = [];
    ready.resolve();
    output.resume();
  }
  output.on('data', (piece: Buffer) => {
    if (failure) return;
    pieces.push(piece);
    bytes += piece.length;
    if (bytes < BLOCK_BYTES) return;
    output.pause();
    ready.resolve();
  });
  output.on('end', () => {
    ended = true;
    ready.resolve();
    closed.resolve();
  });
  archive.on('error', (error) => {
    fail(error);
    closed.resolve();
  });

  return {
    get failed() {
      return failure !== undefined;
    },
    closed: closed.promise,
    fail,
    async take() {
      await ready.promise;
      if (failure) throw failure.error;
      if (ended && bytes === 0) return undefined;
      const block = Buffer.concat(pieces, bytes);
      pieces = [];
      bytes = 0;
      if (!ended) {
        ready = Promise.withResolvers();
        output.resume();
      }
      return block;
    },
  };
}
