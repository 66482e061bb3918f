import { WaybillError } from '../contracts/failures.ts';
import type { Objects } from '../stores/objects/objects.ts';
import { readStoredChunks } from '../stores/objects/stored-files.ts';
import { free } from '../streams/blocks.ts';
import type { Content } from './tree.ts';

/** Reads an open file at any place. Reads in sequence are served from one request to the store. */
export interface Reader {
  /** Size of the file in bytes. */
  readonly bytes: number;
  /**
   * Fills the target from `offset` on. Calls must not overlap.
   *
   * @param target lies within the file
   * @throws WaybillError like `readStoredChunks`
   */
  read(target: Buffer, offset: number): Promise<void>;
  close(): void;
}

export interface Readers {
  open(content: Content): Reader;
}

/** Bytes that are read ahead after the start or a jump; doubled by what is then read in sequence. */
const AHEAD_BYTES_MIN = 256 * 1024;
/** Bytes that stay available behind the last read, because clients may send the reads of a sequence out of order. */
const BEHIND_BYTES = 512 * 1024;

/**
 * Creates the readers of one connection.
 *
 * @param options.aheadBytesMax bytes that one file may be read ahead
 * @param options.totalBytesMax the same for all open files together
 */
export function createReaders(options: {
  readonly objects: Pick<Objects, 'read'>;
  readonly aheadBytesMax: number;
  readonly totalBytesMax: number;
}): Readers {
  const { objects, aheadBytesMax, totalBytesMax } = options;
  let streaming = 0;
  const share = () => Math.min(aheadBytesMax, Math.floor(totalBytesMax / Math.max(1, streaming)));

  return {
    open(content) {
      if (content.from === 'memory') return memoryReader(content.bytes);
      const { stored, file } = content;
      return storeReader({
        bytes: file.bytes,
        aheadBytes: share,
        start(offset, signal) {
          streaming += 1;
          signal.addEventListener('abort', () => (streaming -= 1), { once: true });
          // Unchecked, because hashing takes as long as encryption: clients have the hash in `.sha256`.
          return readStoredChunks(objects, stored, file, { from: offset, length: file.bytes - offset }, signal);
        },
      });
    },
  };
}

function memoryReader(content: Buffer): Reader {
  return {
    bytes: content.length,
    read: async (target, offset) => void content.copy(target, 0, offset, offset + target.length),
    close: () => undefined,
  };
}

/** What one request to the store has delivered of a file, and is still going to. */
interface Window {
  /** Contiguous, in order. */
  readonly chunks: Uint8Array[];
  /** Place of the first chunk. */
  from: number;
  /** Place after the last chunk. */
  to: number;
  /** Place after the last byte that was read. */
  readTo: number;
  readonly startedAt: number;
  failure: unknown;
  readonly ending: AbortController;
  /** Resolves when `to` or `failure` has changed. */
  arrived: PromiseWithResolvers<void>;
  /** Resolves when `readTo` has changed, or the window has ended. */
  room: PromiseWithResolvers<void>;
}

function storeReader(file: {
  readonly bytes: number;
  readonly aheadBytes: () => number;
  readonly start: (offset: number, signal: AbortSignal) => AsyncIterable<Uint8Array>;
}): Reader {
  let window: Window | undefined;

  function notify(of: Window, event: 'arrived' | 'room'): void {
    of[event].resolve();
    of[event] = Promise.withResolvers();
  }

  const ahead = ({ readTo, startedAt }: Window) =>
    Math.min(file.aheadBytes(), Math.max(AHEAD_BYTES_MIN, 2 * (readTo - startedAt)));

  async function fill(into: Window): Promise<void> {
    const { signal } = into.ending;
    try {
      for await (const chunk of file.start(into.to, signal)) {
        if (signal.aborted) return;
        into.chunks.push(chunk);
        into.to += chunk.byteLength;
        notify(into, 'arrived');
        while (into.to - into.readTo >= ahead(into) && !signal.aborted) await into.room.promise;
      }
    } catch (error) {
      into.failure = error;
      notify(into, 'arrived');
    }
  }

  function begin(offset: number): Window {
    end();
    const place = { from: offset, to: offset, readTo: offset, startedAt: offset };
    const begun: Window = {
      ...{ chunks: [], ...place, failure: undefined },
      ...{ ending: new AbortController(), arrived: Promise.withResolvers(), room: Promise.withResolvers() },
    };
    window = begun;
    void fill(begun);
    return begun;
  }

  function end(): void {
    if (!window) return;
    window.ending.abort(new WaybillError('gone'));
    notify(window, 'room');
    window.chunks.length = 0;
    window = undefined;
  }

  function forget(of: Window): void {
    let [oldest, next] = of.chunks;
    while (oldest && of.from + oldest.byteLength <= of.readTo - BEHIND_BYTES) {
      of.from += oldest.byteLength;
      of.chunks.shift();
      if (next?.buffer !== oldest.buffer) free(oldest);
      [oldest, next] = of.chunks;
    }
  }

  return {
    bytes: file.bytes,
    async read(target, offset) {
      const isNear = window && offset >= window.from && offset <= window.to + ahead(window) && !window.failure;
      const current = isNear && window ? window : begin(offset);
      const endOfRead = offset + target.length;
      for (;;) {
        current.readTo = Math.max(current.readTo, Math.min(endOfRead, current.to));
        notify(current, 'room');
        if (current.to >= endOfRead) break;
        if (current.failure !== undefined) throw current.failure;
        await current.arrived.promise;
      }
      copy(current, target, offset);
      forget(current);
    },
    close: end,
  };
}

function copy({ chunks, from }: Window, target: Buffer, offset: number): void {
  let at = from;
  for (const chunk of chunks) {
    const start = Math.max(0, offset - at);
    const end = Math.min(chunk.byteLength, offset + target.length - at);
    if (start < end) target.set(chunk.subarray(start, end), Math.max(0, at - offset));
    at += chunk.byteLength;
  }
}
