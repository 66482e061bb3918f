/** Bytes that are written at once: each write is a message to another process of the browser. */
const WRITE_BYTES = 4 * 1024 * 1024;

/** Where content goes. It is there whole after `close`, and not at all after `abort`. */
export interface Sink {
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<Blob | null>;
  abort(): Promise<void>;
}

/** @param handle the file to write; `null`: memory */
export async function openSink(handle: FileSystemFileHandle | null): Promise<Sink> {
  return inLargeWrites(handle ? await fileSink(handle) : memorySink());
}

/** The browser writes beside the file, and puts it in place on `close`. */
async function fileSink(handle: FileSystemFileHandle): Promise<Sink> {
  const writable = await handle.createWritable();
  return {
    write: (bytes) => writable.write(bytes as Uint8Array<ArrayBuffer>),
    async close() {
      await writable.close();
      return null;
    },
    async abort() {
      await writable.abort();
      await removeEmpty(handle);
    },
  };
}

/** Choosing a name makes an empty file; it is not left behind as if it were the content. */
export async function removeEmpty(handle: FileSystemFileHandle & { remove?: () => Promise<void> }): Promise<void> {
  const { size } = await handle.getFile();
  if (size === 0) await handle.remove?.();
}

function memorySink(): Sink {
  let parts: Blob[] = [];
  return {
    // A blob of its own for each write, so that the browser may keep it on disk.
    async write(bytes) {
      parts.push(new Blob([bytes as Uint8Array<ArrayBuffer>]));
    },
    async close() {
      return new Blob(parts, { type: 'application/octet-stream' });
    },
    async abort() {
      parts = [];
    },
  };
}

function inLargeWrites(sink: Sink): Sink {
  const buffer = new Uint8Array(WRITE_BYTES);
  let filled = 0;
  return {
    async write(bytes) {
      for (let at = 0; at < bytes.length; ) {
        const count = Math.min(buffer.length - filled, bytes.length - at);
        buffer.set(bytes.subarray(at, at + count), filled);
        at += count;
        filled += count;
        if (filled < buffer.length) continue;
        await sink.write(buffer);
        filled = 0;
      }
    },
    async close() {
      if (filled > 0) await sink.write(buffer.subarray(0, filled));
      return sink.close();
    },
    abort: () => sink.abort(),
  };
}
