import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';

const PREFIX = 'waybill-warehouse-';
/** Socket on which the owner of a directory listens while it runs. */
const SOCKET = 'owner';

/** A directory that only this process uses, mode 0700. */
export interface OwnDirectory {
  readonly path: string;
  /** Removes it and its contents. */
  remove(): Promise<void>;
}

/**
 * Creates a directory below `parent`, which is created if missing, and removes those that killed processes left behind.
 *
 * The owner listens on a socket in its directory. If nobody listens, the owner is dead; process ids would not show that,
 * because containers that share a directory have the same ones. A directory without a socket, or with one that cannot be
 * reached, is left alone: it may be new or belong to another user.
 */
export async function makeOwnDirectory(parent: string): Promise<OwnDirectory> {
  await mkdir(parent, { recursive: true });
  await removeAbandoned(parent);
  const path = await mkdtemp(join(parent, PREFIX));
  const server = await listen(join(path, SOCKET));
  return {
    path,
    async remove() {
      // The socket is closed last, so that no other process removes the directory meanwhile.
      await rm(path, { recursive: true, force: true });
      server?.close();
    },
  };
}

async function removeAbandoned(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const path = join(parent, name);
    if (name.startsWith(PREFIX) && (await isAbandoned(path))) await rm(path, { recursive: true, force: true });
  }
}

function isAbandoned(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(join(path, SOCKET));
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
}

/** @returns `undefined` if the path is too long for a socket (104 bytes on macOS, 108 on Linux): others then never remove it */
async function listen(path: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  server.unref();
  try {
    await once(server.listen(path), 'listening');
    return server;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'EINVAL' || error.code === 'ENAMETOOLONG'))
      return undefined;
    throw error;
  }
}
