import { execFile } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A pipe's capacity on Linux, which no read exceeds. Source: pipe(7). */
const READ_BYTES = 65_536;
const RING_BYTES = 1_048_576;

/** A named pipe of our own: DuckDB writes to its path, we read. */
export interface Fifo {
  readonly path: string;
  /**
   * @returns the next bytes, valid until the next call; `undefined` at the end, which comes only after
   *   {@link Fifo.finish}, or when what comes is thrown away.
   */
  next(): Promise<Uint8Array | undefined>;
  /** Throws away what is there and what comes, so that a writer who waits for room goes on. */
  drain(): void;
  /** Tells that the writer has ended; the end follows what was written. */
  finish(): void;
  /** Closes the pipe and removes it. */
  close(): void;
}

/**
 * Makes a FIFO in a directory of its own below `parent`.
 *
 * It is read by a socket, because reads of the thread pool could wait for ever behind the queries that wait for them
 * (libuv has 4 threads by default); and the few calls on the file system are synchronous for the same reason. We hold a
 * writing end of our own until {@link Fifo.finish}: a FIFO that nobody has opened for writing reads as ended.
 */
export async function openFifo(parent: string): Promise<Fifo> {
  const directory = mkdtempSync(join(parent, 'part-'));
  const path = join(directory, 'fifo');
  try {
    await promisify(execFile)('mkfifo', ['-m', '600', path]);
    return readFifo({ path, directory, ...openEnds(path) });
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}

/** Opens both ends of a FIFO without waiting for the other side. @throws with neither end open */
export function openEnds(path: string): { readonly reader: number; readonly writer: number } {
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return { reader, writer: openSync(path, constants.O_WRONLY | constants.O_NONBLOCK) };
  } catch (error) {
    closeSync(reader);
    throw error;
  }
}

function readFifo(opened: { path: string; directory: string; reader: number; writer: number }): Fifo {
  const ring = new Ring(RING_BYTES, READ_BYTES);
  let draining = false;
  let ended = false;
  let failure: Error | undefined;
  let wake: (() => void) | undefined;
  let writerOpen = true;
  let closed = false;

  const socket = new Socket({
    fd: opened.reader,
    readable: true,
    writable: false,
    onread: {
      buffer: () => ring.area(),
      callback(count) {
        if (draining) return true;
        ring.commit(count);
        wake?.();
        // The socket pauses when this is false. The area it was given is then the one it goes on with.
        return ring.isFree();
      },
    },
  });
  socket.on('error', (error) => {
    failure = error;
    wake?.();
  });
  socket.on('close', () => {
    ended = true;
    wake?.();
  });
  socket.resume();

  function finish(): void {
    if (writerOpen) closeSync(opened.writer);
    writerOpen = false;
  }

  return {
    path: opened.path,
    async next() {
      for (;;) {
        if (failure) throw failure;
        if (draining) return undefined;
        const bytes = ring.take();
        if (ring.isFree()) socket.resume();
        if (bytes) return bytes;
        if (ended) return undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = undefined;
      }
    },
    drain() {
      draining = true;
      socket.resume();
      wake?.();
    },
    finish,
    close() {
      if (closed) return;
      closed = true;
      finish();
      socket.destroy();
      rmSync(opened.directory, { recursive: true, force: true });
    },
  };
}

/**
 * A buffer that is filled at one end and read at the other without copying. Three positions chase each other: bytes
 * are written, then handed out, then released when the next are asked for.
 */
export class Ring {
  readonly #bytes: Uint8Array;
  readonly #areaBytes: number;
  #writeAt = 0;
  #takeAt = 0;
  #heldAt = 0;
  /** Whether writing has begun again at 0 while bytes before `top` are still held or waiting. */
  #lapped = false;
  #top = 0;

  /**
   * @param bytes size of the buffer; at least twice `areaBytes`
   * @param areaBytes size of the area that each write is given
   */
  constructor(bytes: number, areaBytes: number) {
    if (bytes < 2 * areaBytes) throw new RangeError('A ring needs room for two areas.');
    this.#bytes = new Uint8Array(bytes);
    this.#areaBytes = areaBytes;
  }

  /** Where the next write goes. It follows from what was written alone, so it may be asked for before it {@link isFree}. */
  area(): Uint8Array {
    const from = this.#nextAt();
    return this.#bytes.subarray(from, from + this.#areaBytes);
  }

  /** Whether the area holds nothing that is still wanted. */
  isFree(): boolean {
    const from = this.#nextAt();
    if (from === this.#writeAt) return !this.#lapped || this.#heldAt - from >= this.#areaBytes;
    return !this.#lapped && this.#heldAt >= this.#areaBytes;
  }

  /** Tells that the first `count` bytes of the area were written. */
  commit(count: number): void {
    const from = this.#nextAt();
    if (from !== this.#writeAt) {
      this.#top = this.#writeAt;
      this.#lapped = true;
    }
    this.#writeAt = from + count;
  }

  /** Hands out written bytes and releases those handed out before. @returns `undefined` when there are none. */
  take(): Uint8Array | undefined {
    this.#heldAt = this.#takeAt;
    if (this.#lapped && this.#takeAt === this.#top) {
      this.#lapped = false;
      this.#takeAt = 0;
      this.#heldAt = 0;
    }
    const end = this.#lapped ? this.#top : this.#writeAt;
    if (this.#takeAt === end) return undefined;
    const taken = this.#bytes.subarray(this.#takeAt, end);
    this.#takeAt = end;
    return taken;
  }

  #nextAt(): number {
    return this.#writeAt + this.#areaBytes <= this.#bytes.length ? this.#writeAt : 0;
  }
}
