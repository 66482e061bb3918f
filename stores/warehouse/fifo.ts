import { execFile } from 'node:child_process';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A pipe's capacity on Linux, which no read exceeds. Source: pipe(7). */
const READ_BYTES = 65_536;
const RING_BYTES = 1_048_576;

/** A named pipe that DuckDB writes to and this process reads. */
export interface Fifo {
  readonly path: string;
  /**
   * @returns the next bytes, valid until the next call; `undefined` at the end, which comes only after
   *   {@link Fifo.finish} or once the content is discarded.
   */
  next(): Promise<Uint8Array | undefined>;
  /** Discards current and further content, so that a blocked writer continues. */
  drain(): void;
  /** Marks the writer as done; the stream ends after what was written. */
  finish(): void;
  /** Closes the pipe and removes it. */
  close(): void;
}

/** FIFOs made by one `mkfifo`: starting a program stops a large process for up to 30 ms, as long as a small file takes. */
const MADE_AT_ONCE = 32;

/** Makes FIFOs in a directory; each is used once. */
export interface Fifos {
  open(): Promise<Fifo>;
}

/**
 * A FIFO is read through a socket, because reads on the thread pool could deadlock behind queries that wait for them (libuv
 * has 4 threads by default); the few file system calls are synchronous for the same reason. This process keeps a writing end
 * open until {@link Fifo.finish}, because a FIFO without a writer reads as ended.
 *
 * @param directory private; whoever removes it also removes the FIFOs that were made ahead
 */
export function createFifos(directory: string): Fifos {
  const ready: string[] = [];
  let made = 0;
  let making: Promise<void> | undefined;
  /** Buffers of closed FIFOs. A new one for each of many small files would mean frequent full garbage collections. */
  const buffers: Uint8Array[] = [];

  async function make(): Promise<void> {
    const paths = Array.from({ length: MADE_AT_ONCE }, (_, i) => join(directory, `fifo-${made + i}`));
    made += MADE_AT_ONCE;
    await promisify(execFile)('mkfifo', ['-m', '600', ...paths]);
    ready.push(...paths.reverse());
  }

  return {
    async open() {
      let path = ready.pop();
      while (path === undefined) {
        making ??= make().finally(() => {
          making = undefined;
        });
        await making;
        path = ready.pop();
      }
      const buffer = buffers.pop() ?? new Uint8Array(RING_BYTES);
      return readFifo({ path, buffer, ...openEnds(path) }, () => buffers.push(buffer));
    },
  };
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

/** @param onClosed called once nothing reads into the buffer any more */
function readFifo(
  opened: { path: string; buffer: Uint8Array; reader: number; writer: number },
  onClosed: () => void,
): Fifo {
  const ring = new Ring(opened.buffer, READ_BYTES);
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
        // False pauses the socket. It resumes with the area that it was given.
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
    if (closed) onClosed();
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
      // It may have ended by itself, while its last bytes were still to be taken.
      if (ended) onClosed();
      else socket.destroy();
      rmSync(opened.path, { force: true });
    },
  };
}

/**
 * A ring buffer without copying. Bytes pass three positions: written, handed out, and released when the next bytes are
 * requested.
 */
export class Ring {
  readonly #bytes: Uint8Array;
  readonly #areaBytes: number;
  #writeAt = 0;
  #takeAt = 0;
  #heldAt = 0;
  /** Whether writing has wrapped to 0 while bytes before `top` are still held or waiting. */
  #lapped = false;
  #top = 0;

  /**
   * @param bytes the buffer; at least twice as large as `areaBytes`
   * @param areaBytes size of the area that each write gets
   */
  constructor(bytes: Uint8Array, areaBytes: number) {
    if (bytes.length < 2 * areaBytes) throw new RangeError('A ring needs space for two areas.');
    this.#bytes = bytes;
    this.#areaBytes = areaBytes;
  }

  /** Where the next write goes. It depends only on what was written, so it is known before it {@link isFree}. */
  area(): Uint8Array {
    const from = this.#nextAt();
    return this.#bytes.subarray(from, from + this.#areaBytes);
  }

  /** Whether the area may be overwritten. */
  isFree(): boolean {
    const from = this.#nextAt();
    if (from === this.#writeAt) return !this.#lapped || this.#heldAt - from >= this.#areaBytes;
    return !this.#lapped && this.#heldAt >= this.#areaBytes;
  }

  /** Records that the first `count` bytes of the area were written. */
  commit(count: number): void {
    const from = this.#nextAt();
    if (from !== this.#writeAt) {
      this.#top = this.#writeAt;
      this.#lapped = true;
    }
    this.#writeAt = from + count;
  }

  /** Hands out written bytes and releases those handed out before. @returns `undefined` if there are none */
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
