import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import type { DestinationSecret, SftpDestination } from '../../contracts/destination.ts';
import { WaybillError } from '../../contracts/failures.ts';
import { interruptible } from '../../streams/handoff.ts';
import type { AddressGuard } from './address-guard.ts';
import type { Remote, RemoteWrite } from './remote.ts';
import { openSftpSession, type SftpSession } from './sftp-session.ts';

/** Bytes of a write request. Every server takes them. Source: draft-ietf-secsh-filexfer-02, section 3. */
const WRITE_BYTES = 32_768;
/** Write requests that wait for their answer at once: 1 MiB, so that a distant server does not slow a delivery down. */
const WRITES_MAX = 32;

/** Status codes of the protocol. Source: the same draft, section 7. */
const NO_SUCH_FILE = 2;
const STATUS_CODES_MAX = 8;
/** The connection is gone. Source: the same. */
const LOST: readonly unknown[] = [6, 7];

/** Ends of temporary names: the random part keeps two attempts apart. */
const TEMPORARY = /\.[0-9a-f]{16}\.part$/;

/** Opens a directory of an SFTP server. @throws WaybillError as {@link openSftpSession} */
export async function openSftp(
  config: SftpDestination,
  secret: Exclude<DestinationSecret, { readonly secretKey: string }>,
  guard: AddressGuard,
  signal: AbortSignal,
): Promise<Remote> {
  const { sftp, ask, close } = await openSftpSession(config, secret, guard, signal);
  return createSftpRemote({ sftp, ask: (send) => translated(ask(send), signal), close }, config.directory);
}

/** @param session whose errors are translated */
function createSftpRemote({ sftp, ask, close }: SftpSession, base: string): Remote {
  /** Names in a directory when it was first used. */
  const listed = new Map<string, Promise<readonly string[]>>();
  const replaces = supports(() => sftp.ext_openssh_rename('', '', () => undefined)) ? 'at-once' : 'after-removal';
  const flushes = supports(() => sftp.ext_openssh_fsync(Buffer.alloc(0), () => undefined));

  /** Creates a directory with those above it. @returns names of what is in it */
  function useDirectory(directory: string): Promise<readonly string[]> {
    const known = listed.get(directory);
    if (known) return known;
    const found = prepare(directory);
    listed.set(directory, found);
    return found;
  }

  async function prepare(directory: string): Promise<readonly string[]> {
    if (await exists(directory)) {
      const entries = (await ask<{ filename: string }[]>((done) => sftp.readdir(directory, done))) ?? [];
      return entries.map(({ filename }) => filename);
    }
    const above = posix.dirname(directory);
    if (above !== directory) await useDirectory(above);
    // Another delivery may create it at the same time.
    await ask((done) => sftp.mkdir(directory, done)).catch(async (error: unknown) => {
      if (!(await exists(directory))) throw error;
    });
    return [];
  }

  async function exists(path: string): Promise<boolean> {
    return (await sizeOf(path)) !== undefined;
  }

  async function sizeOf(path: string): Promise<number | undefined> {
    try {
      return (await ask<{ size: number }>((done) => sftp.stat(path, done)))?.size;
    } catch (error) {
      if (codeOf(error) === NO_SUCH_FILE) return undefined;
      throw error;
    }
  }

  async function unlink(path: string): Promise<void> {
    await ask((done) => sftp.unlink(path, done)).catch((error: unknown) => {
      if (codeOf(error) !== NO_SUCH_FILE) throw error;
    });
  }

  /** Without the extension there is a moment in which neither the old file nor the new one has the name. */
  async function rename(from: string, to: string): Promise<void> {
    if (replaces === 'at-once') {
      await ask((done) => sftp.ext_openssh_rename(from, to, done));
      return;
    }
    await unlink(to);
    await ask((done) => sftp.rename(from, to, done));
  }

  async function send(path: string, source: AsyncIterable<Uint8Array>, options: RemoteWrite): Promise<number> {
    const handle = await ask<Buffer>((done) => sftp.open(path, 'wx', done));
    if (!handle) throw new WaybillError('destination_rejected');
    const writes = createWrites((bytes, at) => ask((done) => sftp.write(handle, bytes, 0, bytes.length, at, done)));
    for await (const chunk of interruptible(source, options.signal)) {
      for (let at = 0; at < chunk.length; at += WRITE_BYTES) {
        await writes.add(Buffer.from(chunk.subarray(at, at + WRITE_BYTES)));
        options.onProgress?.(writes.acknowledged());
      }
    }
    await writes.end();
    if (flushes) await ask((done) => sftp.ext_openssh_fsync(handle, done));
    await ask((done) => sftp.close(handle, done));
    options.onProgress?.(writes.acknowledged());
    return writes.acknowledged();
  }

  async function write(path: string, source: AsyncIterable<Uint8Array>, options: RemoteWrite): Promise<number> {
    const target = posix.join(base, path);
    const [directory, name] = [posix.dirname(target), posix.basename(target)];
    const start = `.${name}`;
    for (const old of await useDirectory(directory)) {
      const isOurs = old.startsWith(start) && TEMPORARY.test(old) && old.length === start.length + 22;
      if (isOurs) await unlink(posix.join(directory, old));
    }
    const temporary = posix.join(directory, `${start}.${randomBytes(8).toString('hex')}.part`);
    try {
      const bytes = await send(temporary, source, options);
      if ((await sizeOf(temporary)) !== bytes) throw wrongSize();
      await rename(temporary, target);
      if ((await sizeOf(target)) !== bytes) throw wrongSize();
      return bytes;
    } catch (error) {
      // If this fails too, the next attempt removes it, and the first error is the one to report.
      await unlink(temporary).catch(() => undefined);
      throw error;
    }
  }

  return {
    replaces,
    write,

    async list(beginning) {
      const target = posix.join(base, beginning);
      const names = await useDirectory(posix.dirname(target));
      const inside = posix.dirname(beginning) === '.' ? '' : `${posix.dirname(beginning)}/`;
      return names.filter((name) => name.startsWith(posix.basename(target))).map((name) => `${inside}${name}`);
    },

    remove: (path) => unlink(posix.join(base, path)),

    async close() {
      close();
    },
  };
}

/** Sends writes without waiting for each answer. */
function createWrites(write: (bytes: Buffer, at: number) => Promise<unknown>) {
  const inFlight = new Set<Promise<void>>();
  let offset = 0;
  let acknowledged = 0;
  let failure: { readonly error: unknown } | undefined;
  return {
    acknowledged: () => acknowledged,
    async add(bytes: Buffer): Promise<void> {
      if (inFlight.size >= WRITES_MAX) await Promise.race(inFlight);
      if (failure) throw failure.error;
      const writing = write(bytes, offset)
        .then(
          () => {
            acknowledged += bytes.length;
          },
          (error: unknown) => {
            failure ??= { error };
          },
        )
        .finally(() => inFlight.delete(writing));
      inFlight.add(writing);
      offset += bytes.length;
    },
    async end(): Promise<void> {
      await Promise.all(inFlight);
      if (failure) throw failure.error;
    },
  };
}

/** How ssh2 reports a missing extension: it throws before it sends anything. */
function supports(call: () => void): boolean {
  try {
    call();
    return true;
  } catch {
    return false;
  }
}

/** @returns the status that the server answered */
function codeOf(error: unknown): unknown {
  const answer = error instanceof WaybillError ? error.cause : error;
  return answer instanceof Error && 'code' in answer ? answer.code : undefined;
}

function wrongSize(): WaybillError {
  const message = 'A file has another size at the destination than it was written with.';
  return new WaybillError('destination_rejected', message);
}

async function translated<Result>(result: Promise<Result>, signal: AbortSignal): Promise<Result> {
  try {
    return await result;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const code = codeOf(error);
    const isStatus = typeof code === 'number' && code <= STATUS_CODES_MAX && !LOST.includes(code);
    throw new WaybillError(isStatus ? 'destination_rejected' : 'destination_unavailable', undefined, { cause: error });
  }
}
