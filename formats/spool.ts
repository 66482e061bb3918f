import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { WaybillError } from '../contracts/failures.ts';

const READ_BYTES = 512 * 1024;

/** Bytes that are written once and then read once. */
export interface Spool {
  /** @throws WaybillError `disk_full` */
  write(bytes: Uint8Array): Promise<void>;
  /** @returns all that was written, in chunks that are valid until the next one is requested */
  read(): AsyncGenerator<Uint8Array>;
  close(): Promise<void>;
  /** Of all that was written. */
  readonly bytes: number;
}

/**
 * A file without a name, encrypted with a key that is nowhere else: a process that dies leaves nothing, and what stays on the disk
 * cannot be read.
 *
 * @param directory for temporary files
 * @throws WaybillError `disk_full`
 */
export async function createSpool(directory: string): Promise<Spool> {
  const path = join(directory, `spool-${randomBytes(8).toString('hex')}`);
  const file = await open(path, 'wx+', 0o600).catch(refuseFull);
  await unlink(path);
  const key = randomBytes(32);
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-256-ctr', key, iv);
  let written = 0;
  return {
    get bytes() {
      return written;
    },
    async write(bytes) {
      written += bytes.length;
      const encrypted = cipher.update(bytes);
      for (let at = 0; at < encrypted.length; ) {
        const { bytesWritten } = await file.write(encrypted, at).catch(refuseFull);
        at += bytesWritten;
      }
    },
    async *read() {
      const decipher = createDecipheriv('aes-256-ctr', key, iv);
      const buffer = new Uint8Array(READ_BYTES);
      for (let at = 0; ; ) {
        const { bytesRead } = await file.read(buffer, 0, READ_BYTES, at);
        if (bytesRead === 0) return;
        at += bytesRead;
        yield decipher.update(buffer.subarray(0, bytesRead));
      }
    },
    close: () => file.close(),
  };
}

/** Errors of the system about a disk without room, and a user whose quota is used up. */
const FULL = new Set(['ENOSPC', 'EDQUOT']);

function refuseFull(error: NodeJS.ErrnoException): never {
  if (FULL.has(error.code ?? '')) throw new WaybillError('disk_full', undefined, { cause: error });
  throw error;
}
