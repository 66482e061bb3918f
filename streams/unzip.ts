import { type FileHandle, open } from 'node:fs/promises';
import { configure, ERR_INVALID_PASSWORD, Reader, ZipReader } from '@zip.js/zip.js';

/** An entry of an archive that was read. */
export interface UnzippedEntry {
  readonly name: string;
  readonly isEncrypted: boolean;
  /** Reads the content and checks it. @throws Error if the password is wrong, or the entry is damaged */
  read(onChunk: (chunk: Uint8Array) => void): Promise<void>;
}

// Global to the process, as in zip.ts.
configure({ useWebWorkers: false });

/** Reads a file wherever zip.js wants to. */
class FileReader extends Reader<FileHandle> {
  readonly #file: FileHandle;

  constructor(file: FileHandle, size: number) {
    super(file);
    this.#file = file;
    this.size = size;
  }

  override async readUint8Array(index: number, length: number): Promise<Uint8Array> {
    const { buffer, bytesRead } = await this.#file.read(new Uint8Array(length), 0, length, index);
    return buffer.subarray(0, bytesRead);
  }
}

/** Whether the password was wrong, as an error of {@link UnzippedEntry.read}. */
export function isWrongPassword(error: unknown): boolean {
  return error instanceof Error && error.message === ERR_INVALID_PASSWORD;
}

/**
 * Reads the archive at `path`, its directory first, in bounded memory. Entries are read in their order, each before the next one is
 * asked for.
 *
 * @throws Error if it is no archive
 */
export async function* unzip(path: string, password: string | undefined): AsyncGenerator<UnzippedEntry> {
  await using file = await open(path);
  const { size } = await file.stat();
  const archive = new ZipReader(new FileReader(file, size), password === undefined ? {} : { password });
  for await (const entry of archive.getEntriesGenerator()) {
    if (entry.directory) continue;
    yield {
      name: entry.filename,
      isEncrypted: entry.encrypted,
      async read(onChunk) {
        await entry.getData(new WritableStream<Uint8Array>({ write: (chunk) => onChunk(chunk) }), { checkCrc32: true });
      },
    };
  }
}
